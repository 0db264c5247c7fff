package dev.tornadomoe.tornado.replay;

import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;

/// Graphs that run one after the other, such as the layers of a model, and are replayed. An array
/// that several of them use has one buffer, whatever they declare ([GraphMemory]).
///
///     try (GraphSequence step = GraphSequence.of(grid, graphs)) {
///       while (decoding) {
///         position.set(0, next); // an array that goes up with every execution
///         step.run();
///       }
///     }
///
/// When it is made TornadoVM executes each graph once, on what the arrays hold then: that compiles
/// the tasks and uploads what goes up once. Afterwards they are replayed ([GraphReplay]), or where
/// that is not possible executed by TornadoVM, which is logged; `-Dtornadomoe.tornado.replay=off`
/// and `required` hold here, too. What GraphReplay says of arrays that must stay, and of threads,
/// holds for these graphs.
public final class GraphSequence implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger("dev.tornadomoe.tornado.replay");

  private final TornadoExecutionPlan plan;
  private final int graphs;
  private final GraphMemory memory;
  private final @Nullable GraphReplay replay;

  private GraphSequence(TornadoExecutionPlan plan, int graphs) {
    this.plan = plan;
    this.graphs = graphs;
    memory = GraphMemory.of(plan);
    try {
      for (int graph = 0; graph < graphs; graph++) {
        memory.share(graph);
        plan.withGraph(graph).execute();
      }
      replay = replay(plan);
    } catch (RuntimeException | Error e) {
      memory.close();
      throw e;
    }
  }

  /// Compiles graphs and executes each once.
  ///
  /// @param grid with the worker grids of all their tasks
  /// @param graphs in the order of execution
  /// @return what runs them again
  /// @throws ReplayException where replay is required and not possible, or for a TornadoVM whose
  ///   inside is another than the one known here
  public static GraphSequence of(GridScheduler grid, List<ImmutableTaskGraph> graphs) {
    TornadoExecutionPlan plan = new TornadoExecutionPlan(graphs.toArray(ImmutableTaskGraph[]::new));
    return new GraphSequence(plan.withGridScheduler(grid), graphs.size());
  }

  private static @Nullable GraphReplay replay(TornadoExecutionPlan plan) {
    ReplayMode mode = ReplayMode.chosen();
    if (mode == ReplayMode.OFF) {
      return null;
    }
    try {
      return GraphReplay.of(plan);
    } catch (ReplayException e) {
      if (mode == ReplayMode.REQUIRED) {
        throw e;
      }
      LOG.log(
          System.Logger.Level.WARNING,
          "launches are not replayed, which is slower: {0}",
          e.getMessage());
      return null;
    }
  }

  /// Runs the graphs, and waits for the end.
  ///
  /// @throws ReplayException as [GraphReplay#run()] does
  public void run() {
    if (replay != null) {
      replay.run();
      return;
    }
    for (int graph = 0; graph < graphs; graph++) {
      plan.withGraph(graph).execute();
    }
  }

  /// {@return whether runs are replayed, and don't go through TornadoVM}
  public boolean isReplayed() {
    return replay != null;
  }

  /// Runs the graphs while the driver times each kernel, which makes launches slower.
  ///
  /// @return the tasks that ran, in order; none where runs are not replayed, and then nothing ran
  /// @throws ReplayException as [GraphReplay#run()] does
  public List<LaunchTime> profile() {
    return replay == null ? List.of() : replay.profile();
  }

  /// Frees the graphs' memory on the device.
  @Override
  public void close() {
    if (replay != null) {
      replay.close();
    }
    memory.close();
  }
}
