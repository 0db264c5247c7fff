package dev.tornadomoe.tornado.replay;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.TornadoVMBackendType;

/// Executes a plan that TornadoVM has executed before, without TornadoVM's round trips: what goes up
/// with every execution, the tasks, what comes back, all enqueued at once on an OpenCL queue of its
/// own, with one wait at the end. The results are those of `plan.execute()`, to the bit.
///
///     plan.withGridScheduler(grid).execute();          // compiles, allocates, uploads the weights
///     try (GraphReplay step = GraphReplay.of(plan)) {
///       while (decoding) {
///         step.run();                                   // instead of plan.execute()
///       }
///     }
///
/// It may be used once every graph was executed, and as long as arrays, worker grids and the scalars
/// that tasks were given stay the same; what changes with a step belongs into an array. The plan may
/// be executed by TornadoVM in between. Transfers under demand are not made, but `transferToHost` of
/// an earlier execution's result reads what the last run has left.
///
/// It ends when the plan's memory is freed or the plan is closed: [#run] then says so. What no check
/// can find is a plan that another thread executes or frees during a run; do both on one thread, or
/// one after the other. Close it before the plan.
///
/// Not replayed, with one sentence when it is made: other backends than OpenCL, graphs that were
/// never executed, batches, several devices, atomics, transfers of anything but TornadoVM's own
/// arrays, and a TornadoVM whose inside is another than the one known here. The plan then still
/// executes in TornadoVM's own way.
public final class GraphReplay implements AutoCloseable {
  private final OpenCl cl;
  private final CompiledGraphs graphs;
  private final long context;
  private final CommandQueue queue;
  private @Nullable ProfilingQueue profilingQueue;

  /// What the last run had in the place of arrays, and its commands: decode steps have the same.
  private List<HostRows> lastRows = List.of();

  private List<Command> lastCommands;
  private boolean closed;

  private GraphReplay(OpenCl cl, CompiledGraphs graphs) {
    this.cl = cl;
    this.graphs = graphs;
    this.lastCommands = graphs.commands();
    this.context = cl.context(graphs.kernel());
    this.queue = new CommandQueue(cl, context, graphs.device(), 0);
  }

  /// All graphs of a plan, in its order.
  ///
  /// @param plan whose code TornadoVM has compiled
  /// @return a replay of all its graphs
  /// @throws ReplayException saying why they can't be replayed
  public static GraphReplay of(TornadoExecutionPlan plan) {
    return of(plan, IntStream.range(0, TornadoInternals.graphs(plan).size()).boxed().toList());
  }

  /// Some graphs of a plan.
  ///
  /// @param plan whose code TornadoVM has compiled
  /// @param graphs their indices in the plan, as for `withGraph`, in the order of execution
  /// @return a replay of these graphs
  /// @throws ReplayException saying why they can't be replayed
  public static GraphReplay of(TornadoExecutionPlan plan, List<Integer> graphs) {
    return of(plan, graphs, OpenCl.get());
  }

  /// The same with other functions of OpenCL.
  static GraphReplay of(TornadoExecutionPlan plan, List<Integer> graphs, OpenCl cl) {
    TornadoInternals.require();
    return new GraphReplay(cl, GraphCommands.of(plan, graphs));
  }

  /// Refuses a device on which nothing can be replayed, whatever the plan.
  ///
  /// @param device of a driver that TornadoVM has
  /// @throws ReplayException saying why
  public static void requireSupport(TornadoDevice device) {
    TornadoVMBackendType backend = device.getTornadoVMBackend();
    if (backend != TornadoVMBackendType.OPENCL) {
      throw new ReplayException(
          String.format(
              Locale.ROOT,
              "the device belongs to TornadoVM's backend %s, and only OPENCL's plans are replayed",
              backend));
    }
    OpenCl.get();
    TornadoInternals.require();
  }

  /// Executes the graphs once, and waits for the end.
  ///
  /// @throws ReplayException naming the command that failed and its status, or because the plan's
  ///   memory was freed; arrays that come back may then hold anything
  public void run() {
    run(List.of());
  }

  /// The same with rows of the host's in the place of whole arrays.
  ///
  /// @param rows each of another array; what goes up elsewhere, or is longer than what the graphs
  ///   read of it, is the caller's to know
  /// @throws ReplayException as [#run()] does
  public void run(List<HostRows> rows) {
    requireAlive();
    if (!rows.equals(lastRows)) {
      List<Command> commands = graphs.commands();
      for (HostRows each : rows) {
        commands = commands.stream().flatMap(each::in).toList();
      }
      lastRows = List.copyOf(rows);
      lastCommands = commands;
    }
    queue.run(lastCommands);
  }

  /// Brings elements of arrays to the device that a run does not ([HostRows#none]), and waits for
  /// the end. It may be done beside a run of other graphs.
  ///
  /// @param elements the first ones of arrays, in ordinary memory
  /// @param staging what they go through
  /// @throws ReplayException as [#run()] does
  void upload(List<HostRows> elements, StagingBuffer staging) {
    requireAlive();
    staging.upload(elements.stream().flatMap(each -> each.writes(graphs.commands())).toList());
  }

  /// Executes the graphs once in TornadoVM's way and once more replayed, on the same arrays.
  /// Afterwards they hold what TornadoVM's execution has given.
  ///
  /// @param execution TornadoVM's, of the same graphs in the same order
  /// @throws ReplayException where any bit that comes back differs, or replaying fails
  public void check(Runnable execution) {
    check(
        execution,
        () -> {
          run();
          return true;
        });
  }

  /// The same with another way to run.
  ///
  /// @return what that returns
  <T> T check(Runnable execution, Supplier<T> replayed) {
    List<MemorySegment> down = new ArrayList<>();
    for (Command command : graphs.commands()) {
      if (command instanceof Command.Read read) {
        down.add(read.host());
      }
    }
    try (Arena arena = Arena.ofConfined()) {
      // What comes back may have gone up before.
      List<MemorySegment> before = down.stream().map(host -> copy(host, arena)).toList();
      execution.run();
      List<MemorySegment> expected = down.stream().map(host -> copy(host, arena)).toList();
      try {
        restore(before, down);
        T result = replayed.get();
        for (int i = 0; i < down.size(); i++) {
          requireSame(expected.get(i), down.get(i), i);
        }
        return result;
      } finally {
        restore(expected, down);
      }
    }
  }

  private static MemorySegment copy(MemorySegment segment, Arena arena) {
    return arena.allocate(segment.byteSize(), 8).copyFrom(segment);
  }

  private static void restore(List<MemorySegment> from, List<MemorySegment> to) {
    for (int i = 0; i < from.size(); i++) {
      to.get(i).copyFrom(from.get(i));
    }
  }

  private static void requireSame(MemorySegment expected, MemorySegment found, int place) {
    long difference = expected.mismatch(found);
    if (difference >= 0) {
      throw new ReplayException(
          String.format(
              Locale.ROOT,
              "replaying gives other bits than TornadoVM's own execution, from byte %d of the %d of"
                  + " array %d that comes back",
              difference,
              found.byteSize(),
              place));
    }
  }

  /// Executes the graphs once on a queue on which the driver times each kernel, which makes
  /// launches slower.
  ///
  /// @return the tasks that ran, in order
  /// @throws ReplayException as [#run] does
  public List<LaunchTime> profile() {
    requireAlive();
    if (profilingQueue == null) {
      profilingQueue = new ProfilingQueue(cl, context, graphs.device());
    }
    return profilingQueue.run(graphs.commands());
  }

  /// {@return how many bytes a run writes to the device}
  public long bytesUp() {
    return graphs.commands().stream()
        .mapToLong(command -> command instanceof Command.Write write ? write.host().byteSize() : 0)
        .sum();
  }

  /// {@return how many bytes a run reads from the device}
  public long bytesDown() {
    return graphs.commands().stream()
        .mapToLong(command -> command instanceof Command.Read read ? read.host().byteSize() : 0)
        .sum();
  }

  private void requireAlive() {
    if (closed) {
      throw new ReplayException("the replay is closed");
    }
    if (!graphs.code().isThere()) {
      throw new ReplayException("the plan's memory was freed, or its device was reset");
    }
  }

  /// Gives back its queues; the plan stays as it is.
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      queue.close();
      if (profilingQueue != null) {
        profilingQueue.close();
      }
    }
  }
}
