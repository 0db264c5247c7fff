package dev.tornadomoe.cli.inspect;

import dev.tornadomoe.MoeException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What is wrong with a checkpoint. Sentences that differ in numbers only are one problem, told by
/// the first of them: what one layer lacks, or one expert, mostly all of them lack.
final class InspectProblems {

  /// @param first the sentence
  /// @param layers those that have it, none where it is not about layers
  private record Problem(String first, List<Integer> layers) {}

  private final Map<String, Problem> byPattern = new LinkedHashMap<>();

  void add(MoeException e) {
    problem(e);
  }

  void add(MoeException e, int layer) {
    problem(e).layers().add(layer);
  }

  private Problem problem(MoeException e) {
    String sentence = String.valueOf(e.getMessage());
    return byPattern.computeIfAbsent(
        sentence.replaceAll("\\d+", "N"), pattern -> new Problem(sentence, new ArrayList<>()));
  }

  /// A row for each: `problem`, `layers`.
  List<Map<String, Object>> toJson() {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (Problem problem : byPattern.values()) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("problem", problem.first());
      row.put("layers", problem.layers());
      rows.add(row);
    }
    return rows;
  }
}
