package dev.tornadomoe.tornado.replay;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.WorkerGrid;
import uk.ac.manchester.tornado.api.common.Access;
import uk.ac.manchester.tornado.api.common.SchedulableTask;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.TornadoVMBackendType;
import uk.ac.manchester.tornado.api.memory.XPUBuffer;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/// Reads from a plan's graphs which commands TornadoVM gives the device for them, or says in one
/// sentence why they can't be given again.
@SuppressWarnings("ReferenceEquality") // TornadoVM's objects are known by themselves
final class GraphCommands {
  private final TornadoDevice device;
  private final List<Command> commands = new ArrayList<>();
  private final Map<Long, SchedulableTask> kernels = new HashMap<>();
  private CompiledGraphs.@Nullable InstalledCode code;

  private GraphCommands(TornadoDevice device) {
    this.device = device;
  }

  /// @param order places of the plan's graphs
  /// @throws ReplayException where one of them can't be replayed
  static CompiledGraphs of(TornadoExecutionPlan plan, List<Integer> order) {
    List<?> graphs = TornadoInternals.graphs(plan);
    for (int place : order) {
      if (place < 0 || place >= graphs.size()) {
        throw new ReplayException(
            String.format(
                Locale.ROOT,
                "the plan has graphs 0 to %d, asked for graph %d",
                graphs.size() - 1,
                place));
      }
    }
    if (order.isEmpty()) {
      throw new ReplayException("there is no graph to replay");
    }
    Object first = graphs.get(order.getFirst());
    GraphCommands found = new GraphCommands(requireTasks(first).getFirst().getDevice());
    order.forEach(place -> found.add(graphs.get(place)));
    if (found.code == null) {
      throw new IllegalStateException("graphs without tasks are refused");
    }
    return new CompiledGraphs(
        TornadoInternals.handle(found.device), List.copyOf(found.commands), found.code);
  }

  private static List<SchedulableTask> requireTasks(Object graph) {
    List<SchedulableTask> tasks = TornadoInternals.tasks(graph);
    if (tasks.isEmpty()) {
      throw refused(graph, "has no tasks");
    }
    return tasks;
  }

  private static ReplayException refused(Object graph, String why) {
    return new ReplayException(
        String.format(
            Locale.ROOT, "graph %s can't be replayed: it %s", TornadoInternals.name(graph), why));
  }

  private void add(Object graph) {
    List<SchedulableTask> tasks = requireTasks(graph);
    requireDevice(graph, tasks);
    if (!TornadoInternals.wasExecuted(graph)) {
      throw refused(graph, "was never executed; execute the plan once before");
    }
    if (TornadoInternals.batchBytes(graph) > 0) {
      throw refused(graph, "is executed in batches");
    }
    // First of all: where memory was freed, nothing else that is found can be believed.
    List<Object> codes = tasks.stream().map(task -> requireCode(graph, task)).toList();
    List<?> states = TornadoInternals.states(graph);
    for (Object state : states) {
      if (TornadoInternals.goesUpAgain(state)) {
        throw refused(graph, "has arrays that move between devices");
      }
      if (TornadoInternals.isAtomic(state, device)) {
        throw refused(graph, "has an AtomicInteger, which TornadoVM sets before each launch");
      }
    }
    for (Object state : states) {
      if (TornadoInternals.goesUp(state) && isUploaded(TornadoInternals.object(state), tasks)) {
        Transfer up = transfer(graph, state);
        commands.add(new Command.Write(up.subject, up.host, up.buffer, up.offset));
      }
    }
    for (int i = 0; i < tasks.size(); i++) {
      launch(graph, tasks.get(i), codes.get(i), states);
    }
    for (Object state : states) {
      if (TornadoInternals.comesBack(state) && isWritten(TornadoInternals.object(state), tasks)) {
        Transfer down = transfer(graph, state);
        commands.add(new Command.Read(down.subject, down.host, down.buffer, down.offset));
      }
    }
  }

  private void requireDevice(Object graph, List<SchedulableTask> tasks) {
    for (SchedulableTask task : tasks) {
      TornadoVMBackendType backend = task.getDevice().getTornadoVMBackend();
      if (backend != TornadoVMBackendType.OPENCL) {
        throw refused(
            graph,
            String.format(
                Locale.ROOT, "is for TornadoVM's backend %s; only OPENCL's are", backend));
      }
      if (!task.getDevice().equals(device)) {
        throw refused(graph, "runs on another device than the first task");
      }
    }
    if (TornadoInternals.devices(graph).stream().filter(found -> found != null).count() > 1) {
      throw refused(graph, "runs on several devices");
    }
  }

  /// An array that its first task only writes does not go up, whatever the graph says.
  private static boolean isUploaded(Object array, List<SchedulableTask> tasks) {
    for (SchedulableTask task : tasks) {
      Object[] arguments = task.getArguments();
      for (int i = 0; i < arguments.length; i++) {
        if (arguments[i] == array) {
          return task.getArgumentsAccess()[i] != Access.WRITE_ONLY;
        }
      }
    }
    return true;
  }

  private static boolean isWritten(Object array, List<SchedulableTask> tasks) {
    for (SchedulableTask task : tasks) {
      Object[] arguments = task.getArguments();
      for (int i = 0; i < arguments.length; i++) {
        Access access = task.getArgumentsAccess()[i];
        if (arguments[i] == array && (access == Access.WRITE_ONLY || access == Access.READ_WRITE)) {
          return true;
        }
      }
    }
    return false;
  }

  private record Transfer(String subject, MemorySegment host, long buffer, long offset) {}

  private Transfer transfer(Object graph, Object state) {
    Object object = TornadoInternals.object(state);
    String type = object.getClass().getSimpleName();
    if (!(object instanceof TornadoNativeArray array)) {
      throw refused(
          graph,
          String.format(
              Locale.ROOT, "transfers a %s; only TornadoVM's own arrays are replayed", type));
    }
    XPUBuffer buffer = requireBuffer(graph, state);
    MemorySegment host = array.getSegmentWithHeader();
    if (buffer.size() != host.byteSize()) {
      throw refused(
          graph,
          String.format(
              Locale.ROOT,
              "transfers %d bytes of a %s of %d",
              buffer.size(),
              type,
              host.byteSize()));
    }
    return new Transfer(
        String.format(Locale.ROOT, "%s of %d elements", type, array.getSize()),
        host,
        buffer.toBuffer(),
        buffer.getBufferOffset());
  }

  private XPUBuffer requireBuffer(Object graph, Object state) {
    XPUBuffer buffer = TornadoInternals.buffer(state, device);
    if (buffer == null) {
      throw refused(
          graph,
          "has an array without memory on the device; its last execution failed, or its memory was"
              + " freed");
    }
    return buffer;
  }

  private static Object requireCode(Object graph, SchedulableTask task) {
    Object installed = TornadoInternals.code(graph, task);
    if (installed == null || !TornadoInternals.isValid(installed)) {
      throw refused(
          graph,
          String.format(
              Locale.ROOT, "has no code for task %s any more; its memory was freed", task.getId()));
    }
    return installed;
  }

  private void launch(Object graph, SchedulableTask task, Object installed, List<?> states) {
    if (TornadoInternals.usesAtomics(task)) {
      throw refused(graph, String.format(Locale.ROOT, "has atomics in task %s", task.getId()));
    }
    boolean hasContext = false;
    for (Object argument : task.getArguments()) {
      hasContext |= argument instanceof KernelContext;
      for (Object state : states) {
        if (TornadoInternals.object(state) == argument && !(argument instanceof KernelContext)) {
          requireBuffer(graph, state);
        }
      }
    }
    long kernel = TornadoInternals.kernel(installed);
    SchedulableTask other = kernels.putIfAbsent(kernel, task);
    if (other != null && other != task) {
      throw refused(
          graph,
          String.format(
              Locale.ROOT,
              "shares the kernel of task %s with another graph of the plan of the same name",
              task.getId()));
    }
    WorkerGrid grid = TornadoInternals.grid(task);
    if (grid != null && !hasContext) {
      commands.add(callFrame(graph, task, grid));
    }
    commands.add(new Command.Launch(task.getId(), kernel, TornadoInternals.size(task)));
    if (code == null) {
      code = () -> TornadoInternals.isValid(installed);
    }
  }

  private static Command callFrame(Object graph, SchedulableTask task, WorkerGrid grid) {
    long[] global = grid.getGlobalWork();
    MemorySegment host = Arena.ofAuto().allocate(ValueLayout.JAVA_LONG, 3);
    for (int i = 0; i < global.length; i++) {
      host.setAtIndex(ValueLayout.JAVA_LONG, i, global[i]);
    }
    return new Command.Write(
        "call frame of " + task.getId(), host, TornadoInternals.callFrame(graph), 0);
  }
}
