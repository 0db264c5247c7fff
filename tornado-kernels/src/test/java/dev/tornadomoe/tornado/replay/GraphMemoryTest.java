package dev.tornadomoe.tornado.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.tornado.DeviceHeld;
import java.util.List;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// An engine whose graphs share weights and a cache, and are executed in any order: a prompt fills
/// the cache, each step adds to it, and a third graph has nothing to do with either.
class GraphMemoryTest {
  private static final int SIZE = 64;
  private static final int WEIGHTS = 1 << 16;
  private static final int PROMPT = 0;
  private static final int STEP = 1;
  private static final int OTHER = 2;

  static {
    // TornadoVM reads its settings when it loads, and other tests of this JVM need ours.
    Backends.require("tornado");
  }

  private final KernelContext context = new KernelContext();
  private final FloatArray weights = new FloatArray(WEIGHTS);
  private final FloatArray prompt = new FloatArray(SIZE);
  private final FloatArray cache = new FloatArray(SIZE);
  private final IntArray step = new IntArray(1);
  private final FloatArray result = new FloatArray(SIZE);
  private final FloatArray other = new FloatArray(SIZE);
  private final float[] expected = new float[SIZE];

  /// `cache = prompt * weights[1]`
  public static void fill(
      KernelContext context, FloatArray prompt, FloatArray weights, FloatArray cache) {
    cache.set(context.globalIdx, prompt.get(context.globalIdx) * weights.get(1));
  }

  /// `cache += step * weights[0]`, and that is the result.
  public static void add(
      KernelContext context,
      IntArray step,
      FloatArray weights,
      FloatArray cache,
      FloatArray result) {
    float sum = cache.get(context.globalIdx) + step.get(0) * weights.get(0);
    cache.set(context.globalIdx, sum);
    result.set(context.globalIdx, sum);
  }

  /// `other += 1`
  public static void count(KernelContext context, FloatArray other) {
    other.set(context.globalIdx, other.get(context.globalIdx) + 1);
  }

  /// Each graph as it would be alone.
  private TornadoExecutionPlan plan() {
    GridScheduler grid = new GridScheduler();
    grid.addWorkerGrid("prompt.fill", new WorkerGrid1D(SIZE));
    grid.addWorkerGrid("step.add", new WorkerGrid1D(SIZE));
    grid.addWorkerGrid("other.count", new WorkerGrid1D(SIZE));
    return new TornadoExecutionPlan(
            new TaskGraph("prompt")
                .transferToDevice(DataTransferMode.FIRST_EXECUTION, weights)
                .transferToDevice(DataTransferMode.EVERY_EXECUTION, prompt)
                .task("fill", GraphMemoryTest::fill, context, prompt, weights, cache)
                .snapshot(),
            new TaskGraph("step")
                .transferToDevice(DataTransferMode.FIRST_EXECUTION, weights)
                .transferToDevice(DataTransferMode.EVERY_EXECUTION, step)
                .task("add", GraphMemoryTest::add, context, step, weights, cache, result)
                .transferToHost(DataTransferMode.EVERY_EXECUTION, result)
                .snapshot(),
            new TaskGraph("other")
                .transferToDevice(DataTransferMode.FIRST_EXECUTION, other)
                .task("count", GraphMemoryTest::count, context, other)
                .transferToHost(DataTransferMode.EVERY_EXECUTION, other)
                .snapshot())
        .withGridScheduler(grid);
  }

  @Test
  void graphsShareTheirArraysInAnyOrder() {
    long before = DeviceHeld.bytes();
    weights.set(0, 3f);
    weights.set(1, 5f);
    TornadoExecutionPlan plan = plan();
    try (GraphMemory memory = GraphMemory.of(plan)) {
      for (int graph : List.of(PROMPT, STEP, OTHER)) {
        memory.share(graph);
        run(plan, graph, 2);
        weights.init(-1f); // is on the device already, and goes up no more
      }
      for (int graph : List.of(OTHER, STEP, STEP, OTHER, PROMPT, PROMPT, OTHER, STEP, STEP)) {
        run(plan, graph, graph + 4);
      }
      assertThat(other.toHeapArray()).containsOnly(4f);
      assertThat(memory.bytes()).isEqualTo(DeviceHeld.bytes() - before).isLessThan(5L * WEIGHTS);
      try (GraphReplay replay = GraphReplay.of(plan, List.of(PROMPT, STEP, STEP))) {
        give(7);
        replay.run();
        expect(PROMPT, 7);
        expect(STEP, 7);
        expect(STEP, 7);
        assertThat(result.toHeapArray()).containsExactly(expected);
      }
    }
    assertThat(DeviceHeld.bytes()).isEqualTo(before);
  }

  private void run(TornadoExecutionPlan plan, int graph, int number) {
    give(number);
    plan.withGraph(graph).execute();
    expect(graph, number);
    if (graph == STEP) {
      assertThat(result.toHeapArray()).containsExactly(expected);
    }
  }

  private void give(int number) {
    step.set(0, number);
    for (int i = 0; i < SIZE; i++) {
      prompt.set(i, i + number / 8f);
    }
  }

  private void expect(int graph, int number) {
    for (int i = 0; i < SIZE; i++) {
      switch (graph) {
        case PROMPT -> expected[i] = (i + number / 8f) * 5;
        case STEP -> expected[i] += number * 3f;
        default -> {}
      }
    }
  }

  @Test
  void sharesBeforeTheFirstExecutionOnly() {
    TornadoExecutionPlan plan = plan();
    try (GraphMemory memory = GraphMemory.of(plan)) {
      plan.withGraph(PROMPT).execute();
      plan.withGraph(STEP).execute();
      assertThatThrownBy(() -> memory.share(STEP))
          .isInstanceOf(ReplayException.class)
          .hasMessage(
              "graph step has its own memory already; let it share before its first execution");
      memory.share(OTHER);
      memory.share(PROMPT); // whose memory it is
      assertThatThrownBy(() -> memory.share(3))
          .hasMessage("the plan has graphs 0 to 2, asked for graph 3");
    }
  }
}
