package dev.tornadomoe.tornado.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.exceptions.TornadoExecutionPlanException;

/// What is said where a plan can't be replayed, and what still works then.
class ReplayTroubleTest {
  private static final List<Integer> BOTH = List.of(0, 1);

  private final Engine engine = new Engine();

  @AfterEach
  void reset() {
    System.clearProperty(ReplayMode.PROPERTY);
  }

  @Test
  void plansThatAreNotReady() throws TornadoExecutionPlanException {
    try (TornadoExecutionPlan plan = engine.plan()) {
      refuses(
          plan,
          BOTH,
          "graph first can't be replayed: it was never executed; execute the plan once before");
      plan.withGraph(0).execute();
      refuses(
          plan,
          BOTH,
          "graph second can't be replayed: it was never executed; execute the plan once before");
      refuses(plan, List.of(0, 2), "the plan has graphs 0 to 1, asked for graph 2");
      refuses(plan, List.of(), "there is no graph to replay");
    }
  }

  @Test
  void plansWhoseMemoryIsGone() {
    TornadoExecutionPlan plan = engine.plan();
    Engine.execute(plan);
    GraphReplay replay = GraphReplay.of(plan);
    replay.run();
    plan.freeDeviceMemory();

    assertThatThrownBy(replay::run)
        .isInstanceOf(ReplayException.class)
        .hasMessage("the plan's memory was freed, or its device was reset");
    refuses(
        plan,
        BOTH,
        "graph first can't be replayed: it has no code for task first.scale any more; its memory"
            + " was freed");
    replay.close();
    replay.close();
    assertThatThrownBy(replay::run).hasMessage("the replay is closed");
    assertThatThrownBy(replay::profile).hasMessage("the replay is closed");
  }

  /// Closing a plan frees its memory.
  @Test
  void plansThatAreClosed() throws TornadoExecutionPlanException {
    TornadoExecutionPlan plan = engine.plan();
    Engine.execute(plan);
    GraphReplay replay = GraphReplay.of(plan);
    ReplayedPlan replayed = new ReplayedPlan(plan, ReplayMode.AUTO, OpenCl::get);
    requireSteps(replayed, plan);
    plan.close();
    assertThatThrownBy(replay::run)
        .isInstanceOf(ReplayException.class)
        .hasMessage("the plan's memory was freed, or its device was reset");
    assertThatThrownBy(() -> replayed.execute(BOTH, () -> Engine.execute(plan)))
        .isInstanceOf(ReplayException.class)
        .hasMessage("the plan's memory was freed, or its device was reset");
    refuses(
        plan,
        BOTH,
        "graph first can't be replayed: it has no code for task first.scale any more; its memory"
            + " was freed");
    replay.close();
    replayed.close();
  }

  @Test
  void batches() throws TornadoExecutionPlanException {
    TaskGraph graph =
        new TaskGraph("batches")
            .transferToDevice(DataTransferMode.EVERY_EXECUTION, engine.x)
            .task("twice", Engine::twiceInLoop, engine.x, 16)
            .transferToHost(DataTransferMode.EVERY_EXECUTION, engine.x);
    try (TornadoExecutionPlan plan = new TornadoExecutionPlan(graph.snapshot())) {
      plan.withBatch("1MB").execute();
      refuses(plan, List.of(0), "graph batches can't be replayed: it is executed in batches");
    }
  }

  /// TornadoVM keeps one kernel for tasks of the same name.
  @Test
  void graphsOfTheSameName() throws TornadoExecutionPlanException {
    Engine other = new Engine();
    GridScheduler grid = new GridScheduler("first.scale", new WorkerGrid1D(Engine.SIZE));
    try (TornadoExecutionPlan plan =
        new TornadoExecutionPlan(engine.first().snapshot(), other.first().snapshot())) {
      plan.withGridScheduler(grid);
      plan.withGraph(0).execute();
      plan.withGraph(1).execute();
      refuses(
          plan,
          BOTH,
          "graph first can't be replayed: it shares the kernel of task first.scale with another"
              + " graph of the plan of the same name");
    }
  }

  @Test
  void withoutALibrary() {
    assertThatThrownBy(() -> OpenCl.library("libNoOpenCL.so.1"))
        .isInstanceOf(ReplayException.class)
        .hasMessageStartingWith("Java can't load libNoOpenCL.so.1: ");
    assertThatThrownBy(() -> FaultyOpenCl.without("clFinish"))
        .isInstanceOf(ReplayException.class)
        .hasMessage("the OpenCL library has no clFinish");
  }

  /// As where Java may not call native code, or a driver's loader is missing.
  @Test
  void withoutALibraryTornadoVmStillExecutes() throws TornadoExecutionPlanException {
    try (TornadoExecutionPlan plan = engine.plan();
        ReplayedPlan replayed =
            new ReplayedPlan(
                plan, ReplayMode.AUTO, () -> new OpenCl(OpenCl.library("libNoOpenCL.so.1")))) {
      requireSteps(replayed, plan);
      assertThat(replayed.refusal().orElseThrow()).startsWith("Java can't load libNoOpenCL.so.1: ");
      assertThatThrownBy(() ->
              new ReplayedPlan(plan, ReplayMode.REQUIRED, () -> FaultyOpenCl.without("clFinish")))
          .isInstanceOf(ReplayException.class)
          .hasMessage(
              "-Dtornadomoe.tornado.replay=required, and launches can't be replayed: the OpenCL"
                  + " library has no clFinish");
    }
  }

  @Test
  void whatWasNeverExecutedIsExecuted() throws TornadoExecutionPlanException {
    try (TornadoExecutionPlan plan = engine.plan();
        ReplayedPlan replayed = new ReplayedPlan(plan, ReplayMode.AUTO, OpenCl::get)) {
      requireSteps(replayed, plan);
      assertThat(replayed.refusal())
          .hasValue(
              "graph first can't be replayed: it was never executed; execute the plan once before");
    }
  }

  @Test
  void withoutAQueueTornadoVmStillExecutes() throws TornadoExecutionPlanException {
    try (TornadoExecutionPlan plan = engine.plan();
        ReplayedPlan replayed =
            new ReplayedPlan(plan, ReplayMode.AUTO, () -> FaultyOpenCl.withoutQueues(-6))) {
      Engine.execute(plan);
      requireSteps(replayed, plan);
      assertThat(replayed.refusal())
          .hasValue("clCreateCommandQueue failed: CL_OUT_OF_HOST_MEMORY (-6)");
    }
  }

  /// The call fails, since nobody knows what was written; those after it are TornadoVM's.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "clEnqueueWriteBuffer   | -4 | clEnqueueWriteBuffer (FloatArray of 64 elements) failed:"
            + " CL_MEM_OBJECT_ALLOCATION_FAILURE (-4)",
        "clEnqueueNDRangeKernel | -5 | clEnqueueNDRangeKernel (first.scale) failed:"
            + " CL_OUT_OF_RESOURCES (-5)",
        "clFinish               | -6 | clFinish failed: CL_OUT_OF_HOST_MEMORY (-6)"
      })
  void whatFailsLaterFailsOneCall(String function, int status, String sentence)
      throws TornadoExecutionPlanException {
    AtomicInteger now = new AtomicInteger();
    try (TornadoExecutionPlan plan = engine.plan();
        ReplayedPlan replayed =
            new ReplayedPlan(plan, ReplayMode.AUTO, () -> FaultyOpenCl.failing(function, now))) {
      Engine.execute(plan);
      requireSteps(replayed, plan);
      assertThat(replayed.refusal()).isEmpty();
      now.set(status);
      assertThatThrownBy(() -> replayed.execute(BOTH, () -> Engine.execute(plan)))
          .isInstanceOf(ReplayException.class)
          .hasMessage(sentence);
      requireSteps(replayed, plan);
      assertThat(replayed.refusal()).hasValue(sentence);
    }
  }

  @Test
  void aDriverWithoutTimesGivesNoProfile() throws TornadoExecutionPlanException {
    try (TornadoExecutionPlan plan = engine.plan();
        ReplayedPlan replayed =
            new ReplayedPlan(
                plan, ReplayMode.AUTO, () -> FaultyOpenCl.failing("clGetEventProfilingInfo", -7))) {
      Engine.execute(plan);
      engine.set(3);
      assertThat(replayed.profile(BOTH, () -> Engine.execute(plan))).isEmpty();
      assertThat(engine.x.toHeapArray()).containsExactly(Engine.expected(3));
      assertThat(replayed.refusal())
          .hasValue("clGetEventProfilingInfo failed: CL_PROFILING_INFO_NOT_AVAILABLE (-7)");
    }
  }

  /// What can't be given back hides nothing, and keeps nobody from going on.
  @ParameterizedTest
  @ValueSource(strings = {"clReleaseCommandQueue", "clReleaseEvent"})
  void whatCanNotBeGivenBackIsLogged(String function) throws TornadoExecutionPlanException {
    try (TornadoExecutionPlan plan = engine.plan()) {
      Engine.execute(plan);
      ReplayedPlan replayed =
          new ReplayedPlan(plan, ReplayMode.REQUIRED, () -> FaultyOpenCl.failing(function, -5));
      assertThat(replayed.profile(BOTH, () -> Engine.execute(plan)).orElseThrow().times())
          .hasSize(2);
      requireSteps(replayed, plan);
      replayed.close();
    }
  }

  private void requireSteps(ReplayedPlan replayed, TornadoExecutionPlan plan) {
    for (int number = 1; number < 3; number++) {
      engine.set(number);
      replayed.execute(BOTH, () -> Engine.execute(plan));
      assertThat(engine.x.toHeapArray()).containsExactly(Engine.expected(number));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "clGetKernelInfo        | -48   | clGetKernelInfo failed: CL_INVALID_KERNEL (-48)",
        "clEnqueueWriteBuffer   | -4    | clEnqueueWriteBuffer (FloatArray of 64 elements) failed:"
            + " CL_MEM_OBJECT_ALLOCATION_FAILURE (-4)",
        "clEnqueueNDRangeKernel | -5    | clEnqueueNDRangeKernel (first.scale) failed:"
            + " CL_OUT_OF_RESOURCES (-5)",
        "clEnqueueReadBuffer    | -6    | clEnqueueReadBuffer (FloatArray of 64 elements) failed:"
            + " CL_OUT_OF_HOST_MEMORY (-6)",
        "clFinish               | -1234 | clFinish failed: unknown status (-1234)"
      })
  void whateverFailsTornadoVmStillExecutes(String function, int status, String sentence)
      throws TornadoExecutionPlanException {
    try (TornadoExecutionPlan plan = engine.plan();
        ReplayedPlan replayed =
            new ReplayedPlan(plan, ReplayMode.AUTO, () -> FaultyOpenCl.failing(function, status));
        ReplayedPlan required =
            new ReplayedPlan(
                plan, ReplayMode.REQUIRED, () -> FaultyOpenCl.failing(function, status))) {
      Engine.execute(plan);
      for (int number = 1; number < 4; number++) {
        engine.set(number);
        replayed.execute(BOTH, () -> Engine.execute(plan));
        assertThat(engine.x.toHeapArray()).containsExactly(Engine.expected(number));
        assertThat(replayed.refusal()).hasValue(sentence);
        for (int again = 0; again < 2; again++) {
          assertThatThrownBy(() -> required.execute(BOTH, () -> Engine.execute(plan)))
              .isInstanceOf(ReplayException.class)
              .hasMessage(
                  "-Dtornadomoe.tornado.replay=required, and launches can't be replayed: "
                      + sentence);
        }
      }
    }
  }

  @Test
  void otherBitsAreATornadoVmExecutionFromThenOn() throws TornadoExecutionPlanException {
    try (TornadoExecutionPlan plan = engine.plan();
        ReplayedPlan replayed = new ReplayedPlan(plan, ReplayMode.AUTO, OpenCl::get)) {
      Engine.execute(plan);
      replayed.execute(BOTH, () -> engine.x.init(7f));
      assertThat(engine.x.toHeapArray()).containsOnly(7f);
      assertThat(replayed.refusal().orElseThrow()).contains("other bits than TornadoVM's");
      assertThat(replayed.profile(BOTH, () -> engine.x.init(8f))).isEmpty();
      assertThat(engine.x.toHeapArray()).containsOnly(8f);
    }
  }

  @Test
  void modes() {
    assertThat(ReplayMode.chosen()).isEqualTo(ReplayMode.AUTO);
    System.setProperty(ReplayMode.PROPERTY, "required");
    assertThat(ReplayMode.chosen()).isEqualTo(ReplayMode.REQUIRED);
    System.setProperty(ReplayMode.PROPERTY, "sometimes");
    assertThatThrownBy(ReplayMode::chosen)
        .isInstanceOf(ReplayException.class)
        .hasMessage("-Dtornadomoe.tornado.replay=sometimes: expected auto, off or required");
  }

  private static void refuses(TornadoExecutionPlan plan, List<Integer> graphs, String sentence) {
    assertThatThrownBy(() -> GraphReplay.of(plan, graphs))
        .isInstanceOf(ReplayException.class)
        .hasMessage(sentence);
  }
}
