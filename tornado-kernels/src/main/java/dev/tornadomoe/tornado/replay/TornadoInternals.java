package dev.tornadomoe.tornado.replay;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.WorkerGrid;
import uk.ac.manchester.tornado.api.common.SchedulableTask;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.memory.DeviceBufferState;
import uk.ac.manchester.tornado.api.memory.XPUBuffer;

/// All that is known of TornadoVM beyond its API. Replays and shared memory rely on this, as
/// TornadoVM 5.2.1-jdk25-dev has it:
///
/// - the members below, and that `tornado.api` and `tornado.runtime` are open to reflection;
/// - each task of a graph has its own kernel object, whose arguments stay as the last execution has
///   set them, since buffers and numbers stay;
/// - an array has a state for each graph, which holds its buffer; a graph allocates none where the
///   state has one and is locked, and uploads nothing once where it has contents;
/// - buffers that were allocated stay until the plan's memory is freed, which invalidates the code
///   of all its tasks, too;
/// - at each execution an array goes up if the graph says so and its first task reads it, before
///   any task, and comes back if the graph says so and a task writes it, after all of them;
/// - a task has the buffer of its plan's call frame as its first argument, and gets three numbers
///   there before each launch: its global sizes. Only loops over `@Parallel` in tasks without a
///   `KernelContext` read them.
final class TornadoInternals {
  private static final List<Member> MEMBERS = new ArrayList<>();

  private static final Member EXECUTOR = field("api.TornadoExecutionPlan", "tornadoExecutor");
  private static final Member SELECTED = field("api.TornadoExecutor", "immutableTaskGraphList");
  private static final Member ALL = field("api.TornadoExecutor", "subgraphList");
  private static final Member GRAPH = field("api.ImmutableTaskGraph", "taskGraph");
  private static final Member IMPLEMENTATION = field("api.TaskGraph", "taskGraphImpl");

  private static final String TASK_GRAPH = "runtime.tasks.TornadoTaskGraph";
  private static final Member NAME = method(TASK_GRAPH, "getTaskGraphName");
  private static final Member PLAN_ID = field(TASK_GRAPH, "executionPlanId");
  private static final Member CONTEXT = field(TASK_GRAPH, "executionContext");

  private static final String EXECUTION = "runtime.graph.TornadoExecutionContext";
  private static final Member TASKS = method(EXECUTION, "getTasks");
  private static final Member STATES = method(EXECUTION, "getObjectStates");
  private static final Member DEVICES = method(EXECUTION, "getDevices");
  private static final Member BATCH_BYTES = method(EXECUTION, "getBatchSize");
  private static final Member FRAMES = method(EXECUTION, "getKernelStackFrame");
  private static final Member FRAME_BUFFER = method("drivers.opencl.mm.OCLByteBuffer", "toBuffer");

  private static final String STATE = "runtime.tasks.LocalObjectState";
  private static final Member STATE_OBJECT = method(STATE, "getObject");
  private static final Member GOES_UP = method(STATE, "isStreamIn");
  private static final Member GOES_UP_AGAIN = method(STATE, "isForcedStreamIn");
  private static final Member COMES_BACK = method(STATE, "isStreamOut");
  private static final Member ON_DEVICE = method(STATE, "isOnDevice");
  private static final Member DATA_STATE = method(STATE, "getDataObjectState");
  private static final Member BUFFER_STATE =
      method("runtime.tasks.DataObjectState", "getDeviceBufferState", 1);

  private static final Member LOCK =
      method("runtime.common.XPUDeviceBufferState", "setLockBuffer", 1);

  /// What sharing memory needs, on any of TornadoVM's backends.
  private static final List<Member> MEMORY =
      List.of(
          EXECUTOR,
          SELECTED,
          ALL,
          GRAPH,
          IMPLEMENTATION,
          NAME,
          PLAN_ID,
          CONTEXT,
          TASKS,
          STATES,
          STATE_OBJECT,
          DATA_STATE,
          BUFFER_STATE,
          LOCK);

  private static final String OPTIONS = "runtime.common.TornadoOptions";

  private static final String XPU_DEVICE = "runtime.common.TornadoXPUDevice";
  private static final Member CODE = method(XPU_DEVICE, "getCodeFromCache", 2);
  private static final Member ATOMICS = method(XPU_DEVICE, "checkAtomicsForTask", 1);
  private static final Member DEVICE_POINTER =
      method("drivers.opencl.OCLTargetDevice", "getDevicePointer");
  private static final Member PLATFORM =
      method("drivers.opencl.OCLDeviceContext", "getPlatformContext");
  private static final Member CONTEXT_ID = method("drivers.opencl.OCLContext", "getContextId");

  private static final Member IS_VALID = method("runtime.common.TornadoInstalledCode", "isValid");
  private static final Member KERNEL = method("drivers.opencl.graal.OCLInstalledCode", "getKernel");
  private static final Member KERNEL_ID = method("drivers.opencl.OCLKernel", "getOclKernelID");

  private static final String META = "runtime.tasks.meta.TaskDataContext";
  private static final Member HAS_GRID = method(META, "isWorkerGridAvailable");
  private static final Member GRID = method(META, "getWorkerGrid", 1);
  private static final Member IS_PARALLEL = method(META, "isParallel");
  private static final Member DIMENSIONS = method(META, "getDims");
  private static final Member OFFSET = method(META, "getGlobalOffset");
  private static final Member GLOBAL = method(META, "getGlobalWork");
  private static final Member LOCAL = method(META, "getLocalWork");
  private static final Member DRIVER_CUTS = method(META, "shouldUseOpenCLDriverScheduling");

  private static final long[] SINGLE = {1};

  private TornadoInternals() {}

  private static Member field(String type, String name) {
    return known(Member.field(type, name));
  }

  private static Member method(String type, String name) {
    return method(type, name, 0);
  }

  private static Member method(String type, String name, int arguments) {
    return known(Member.method(type, name, arguments));
  }

  private static Member known(Member member) {
    MEMBERS.add(member);
    return member;
  }

  /// @throws ReplayException where this TornadoVM lacks any of it
  static void require() {
    MEMBERS.forEach(Member::require);
  }

  /// The same for sharing memory alone.
  static void requireMemory() {
    MEMORY.forEach(Member::require);
  }

  /// What TornadoVM has read as one of its settings, when its classes were loaded; null where it
  /// has no such constant.
  static @Nullable Object option(String constant) {
    Member member = Member.field(OPTIONS, constant);
    try {
      return member.constant();
    } catch (ReplayException e) {
      return null;
    }
  }

  /// The graphs of a plan, in its order, whichever of them are selected.
  static List<?> graphs(TornadoExecutionPlan plan) {
    Object executor = EXECUTOR.get(Object.class, plan);
    // withGraph(i) leaves one graph in the first list, and keeps them all in the second.
    Object all = ALL.value(executor);
    List<?> graphs = all instanceof List<?> list ? list : SELECTED.get(List.class, executor);
    return graphs.stream().map(graph -> implementation(GRAPH.get(Object.class, graph))).toList();
  }

  /// What is behind a `TaskGraph`.
  static Object implementation(Object taskGraph) {
    return IMPLEMENTATION.get(Object.class, taskGraph);
  }

  static String name(Object graph) {
    return NAME.get(String.class, graph);
  }

  /// Whether a plan has executed a graph.
  static boolean wasExecuted(Object graph) {
    return PLAN_ID.get(Long.class, graph) != 0;
  }

  /// Bytes of a batch; not positive where a graph is executed as a whole.
  static long batchBytes(Object graph) {
    return BATCH_BYTES.get(Long.class, context(graph));
  }

  static List<SchedulableTask> tasks(Object graph) {
    List<?> tasks = TASKS.get(List.class, context(graph));
    return tasks.stream().map(SchedulableTask.class::cast).toList();
  }

  /// The states of all objects that a graph knows.
  static List<?> states(Object graph) {
    return STATES.get(List.class, context(graph));
  }

  private static Object context(Object graph) {
    return CONTEXT.get(Object.class, graph);
  }

  static Object object(Object state) {
    return STATE_OBJECT.get(Object.class, state);
  }

  static boolean goesUp(Object state) {
    return GOES_UP.get(Boolean.class, state) && !ON_DEVICE.get(Boolean.class, state);
  }

  static boolean goesUpAgain(Object state) {
    return GOES_UP_AGAIN.get(Boolean.class, state);
  }

  static boolean comesBack(Object state) {
    return COMES_BACK.get(Boolean.class, state);
  }

  /// The buffer of an object, or null where it has none.
  static @Nullable XPUBuffer buffer(Object state, TornadoDevice device) {
    return bufferState(state, device).getXPUBuffer();
  }

  /// Whether it is an `AtomicInteger`, which TornadoVM keeps elsewhere.
  static boolean isAtomic(Object state, TornadoDevice device) {
    return bufferState(state, device).isAtomicRegionPresent();
  }

  static DeviceBufferState bufferState(Object state, TornadoDevice device) {
    Object data = DATA_STATE.get(Object.class, state);
    return BUFFER_STATE.get(DeviceBufferState.class, data, device);
  }

  /// Whether a graph keeps a buffer from one execution to the next.
  static void lock(DeviceBufferState state, boolean isLocked) {
    LOCK.value(state, isLocked);
  }

  /// The devices that a graph's tasks run on.
  static List<?> devices(Object graph) {
    return DEVICES.get(List.class, context(graph));
  }

  /// OpenCL's own handle of a device.
  static long handle(TornadoDevice device) {
    return DEVICE_POINTER.get(Long.class, device.getPhysicalDevice());
  }

  /// OpenCL's own handle of the context that a device's arrays belong to.
  static long context(TornadoDevice device) {
    return CONTEXT_ID.get(Long.class, PLATFORM.get(Object.class, device.getDeviceContext()));
  }

  /// A task's code, or null where there is none.
  static @Nullable Object code(Object graph, SchedulableTask task) {
    return CODE.value(task.getDevice(), PLAN_ID.get(Long.class, graph), task);
  }

  static boolean isValid(Object code) {
    return IS_VALID.get(Boolean.class, code);
  }

  static long kernel(Object code) {
    return KERNEL_ID.get(Long.class, KERNEL.get(Object.class, code));
  }

  /// Whether a task counts with atomics that TornadoVM resets before each launch.
  static boolean usesAtomics(SchedulableTask task) {
    return ATOMICS.value(task.getDevice(), task) != null;
  }

  /// The worker grid of a task that has one.
  static @Nullable WorkerGrid grid(SchedulableTask task) {
    return HAS_GRID.get(Boolean.class, task.meta())
        ? GRID.get(WorkerGrid.class, task.meta(), task.getId())
        : null;
  }

  /// The work-items that a task is launched with.
  static WorkSize size(SchedulableTask task) {
    WorkerGrid grid = grid(task);
    if (grid != null) {
      return WorkSize.of(
          grid.dimension(), grid.getGlobalOffset(), grid.getGlobalWork(), grid.getLocalWork());
    }
    Object meta = task.meta();
    long[] global = (long[]) GLOBAL.value(meta);
    if (IS_PARALLEL.get(Boolean.class, meta)) {
      boolean driverCuts = DRIVER_CUTS.get(Boolean.class, meta);
      return WorkSize.of(
          DIMENSIONS.get(Integer.class, meta),
          (long[]) OFFSET.value(meta),
          GLOBAL.get(long[].class, meta),
          driverCuts ? null : (long[]) LOCAL.value(meta));
    }
    return global == null || global.length == 0
        ? WorkSize.of(1, null, SINGLE, SINGLE)
        : WorkSize.of(1, null, global, (long[]) LOCAL.value(meta));
  }

  /// The buffer of a plan's call frame, or 0 where it has none.
  static long callFrame(Object graph) {
    for (Object frame : FRAMES.get(Object[].class, context(graph))) {
      if (frame != null) {
        return FRAME_BUFFER.get(Long.class, frame);
      }
    }
    return 0;
  }
}
