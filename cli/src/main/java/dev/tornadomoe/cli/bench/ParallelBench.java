package dev.tornadomoe.cli.bench;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.cli.console.JsonOutput;
import dev.tornadomoe.cli.console.LoadingBar;
import dev.tornadomoe.cli.console.Machine;
import dev.tornadomoe.cli.parallel.ProcessGroup;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.parallel.Communicator;
import dev.tornadomoe.parallel.ExpertParallelism;
import dev.tornadomoe.plan.MoePlan;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// `moe bench --parallel`: steps of layers whose experts are divided among ranks.
///
/// @param processes the ranks
/// @param expertsOnly whether ids and weights are given
/// @param seconds for each part of a measurement
/// @param json whether one JSON object is printed instead of a table
record ParallelBench(ProcessGroup processes, boolean expertsOnly, double seconds, boolean json) {

  /// Measures and prints.
  ///
  /// @param table what is said of the layers
  /// @param layers with all experts
  /// @param plan for this rank's part of them
  /// @param tokens of all ranks together, for each point
  void run(
      BenchTable table,
      List<MoeLayer> layers,
      Backend backend,
      MoePlan plan,
      List<Integer> tokens) {
    Communicator ranks = processes.ranks();
    ExpertParallelism parallelism = processes.parallelism();
    if (ranks == null || parallelism == null) {
      throw new IllegalStateException("one process alone");
    }
    try (Session session =
        processes.together(() ->
            LoadingBar.prepare(backend, plan, "making and loading weights", processes.err()))) {
      ParallelRunner runner =
          new ParallelRunner(processes, ranks, parallelism, layers, session, expertsOnly, seconds);
      if (!json) {
        table.printHeading(processes.out());
        processes
            .out()
            .println(
                String.format(
                    Locale.ROOT,
                    "%d %s, %s, combine %s",
                    ranks.size(),
                    ranks.size() == 1 ? "rank" : "ranks",
                    ranks.description(),
                    combine(parallelism)));
        processes.out().println(ParallelResult.columns());
      }
      List<ParallelResult> results = new ArrayList<>();
      for (int m : tokens) {
        ParallelResult result = runner.run(m);
        results.add(result);
        if (!json) {
          processes.out().println(result.line());
        }
      }
      if (json) {
        processes.out().println(JsonOutput.of(json(table, layers, ranks, parallelism, results)));
      }
    }
  }

  private static String combine(ExpertParallelism parallelism) {
    return parallelism.combine().name().toLowerCase(Locale.ROOT);
  }

  private Map<String, Object> json(
      BenchTable table,
      List<MoeLayer> layers,
      Communicator ranks,
      ExpertParallelism parallelism,
      List<ParallelResult> results) {
    Map<String, Object> root = new LinkedHashMap<>();
    root.put("device", table.device());
    root.put("machine", Machine.describe());
    root.put("ranks", ranks.size());
    root.put("mpi", ranks.description());
    root.put("combine", combine(parallelism));
    root.put("preset", table.name());
    root.put("layers", layers.size());
    root.put("experts_only", table.expertsOnly());
    root.put("results", results.stream().map(ParallelResult::json).toList());
    return root;
  }
}
