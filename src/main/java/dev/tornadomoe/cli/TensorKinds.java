package dev.tornadomoe.cli;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.tensor.TensorView;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;

/// The tensors of a checkpoint, those together whose names differ in numbers only and that have the
/// same type and shape.
final class TensorKinds {

  /// @param name with `*` for each number
  /// @param dtype as stored
  /// @param shape of each
  private record Kind(String name, String dtype, String shape) {}

  /// Running sums.
  private static final class Sum {
    private long count;
    private long bytes;

    void add(long more) {
      count++;
      bytes += more;
    }
  }

  private final Map<Kind, Sum> kinds = new LinkedHashMap<>();
  private final Map<String, Sum> byType = new TreeMap<>();
  private final Set<String> problems = new TreeSet<>();

  private TensorKinds() {}

  /// @param find one of them, over its file
  static TensorKinds of(Set<String> names, Function<String, Optional<TensorView>> find) {
    TensorKinds found = new TensorKinds();
    for (String name : new TreeSet<>(names)) {
      try {
        find.apply(name).ifPresent(found::add);
      } catch (MoeException e) {
        // A shard that is missing or broken: said once, not for each of its tensors.
        found.problems.add(String.valueOf(e.getMessage()));
      }
    }
    return found;
  }

  private void add(TensorView tensor) {
    long bytes = tensor.data().byteSize();
    // Between dots only: "w1" and "fc2" are names, "layers.12" is a number.
    String name = tensor.name().replaceAll("(?<=^|\\.)\\d+(?=\\.|$)", "*");
    Kind kind = new Kind(name, tensor.dtype().name(), tensor.shape().toString());
    kinds.computeIfAbsent(kind, k -> new Sum()).add(bytes);
    byType.computeIfAbsent(kind.dtype(), type -> new Sum()).add(bytes);
  }

  /// What kept tensors from being counted, a sentence each.
  Set<String> problems() {
    return problems;
  }

  /// Bytes of each stored type.
  Map<String, Object> bytesByType() {
    Map<String, Object> json = new LinkedHashMap<>();
    byType.forEach((type, sum) -> json.put(type, sum.bytes));
    return json;
  }

  /// A row for each kind: `name`, `dtype`, `shape`, `count`, `bytes`.
  List<Map<String, Object>> toJson() {
    List<Map<String, Object>> rows = new ArrayList<>();
    kinds.forEach((kind, sum) -> {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("name", kind.name());
      row.put("dtype", kind.dtype());
      row.put("shape", kind.shape());
      row.put("count", sum.count);
      row.put("bytes", sum.bytes);
      rows.add(row);
    });
    return rows;
  }
}
