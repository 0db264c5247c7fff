package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tornado.device.TornadoSetup;
import dev.tornadomoe.tornado.replay.GraphReplay;
import dev.tornadomoe.tornado.replay.LaunchTime;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.exceptions.TornadoExecutionPlanException;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// What an inference engine does: norm, MoE, residual, the next layer, all on the device.
class TornadoMoeTest {
  private static final int TOKENS = 3;

  private Checkpoint checkpoint;
  private List<MoeLayer> layers;
  private int hidden;
  private FloatArray x;

  @BeforeEach
  void open() {
    TornadoSetup.applySettings();
    checkpoint = Checkpoint.open(Path.of("../src/test/resources/golden/hf/qwen3_moe"));
    MoeModel model = MoeModel.of(checkpoint);
    layers = model.layerIndices().stream().map(model::layer).toList();
    hidden = layers.getFirst().hidden();
    x = FloatArray.fromArray(random(TOKENS * hidden));
  }

  @AfterEach
  void close() {
    checkpoint.close();
  }

  /// `normed = x / rms(x)`, a work-item for each row.
  public static void rmsNorm(KernelContext context, FloatArray x, FloatArray normed, int width) {
    int row = context.globalIdx * width;
    float squares = 0f;
    for (int i = 0; i < width; i++) {
      squares += x.get(row + i) * x.get(row + i);
    }
    float scale = 1f / TornadoMath.sqrt(squares / width + 1e-6f);
    for (int i = 0; i < width; i++) {
      normed.set(row + i, x.get(row + i) * scale);
    }
  }

  /// `x += y`
  public static void add(KernelContext context, FloatArray y, FloatArray x) {
    x.set(context.globalIdx, x.get(context.globalIdx) + y.get(context.globalIdx));
  }

  @Test
  void normMoeAndResidualOfTwoLayersInOneGraph() throws TornadoExecutionPlanException {
    TornadoMoe moe =
        TornadoMoe.of(Planner.builder().maxTokens(TOKENS).requireAlias(true).build().plan(layers));
    float[] expected = engineOnHost(2);
    FloatArray normed = new FloatArray(x.getSize());
    FloatArray y = new FloatArray(x.getSize());
    KernelContext context = new KernelContext();
    GridScheduler grid = new GridScheduler();
    TaskGraph graph = new TaskGraph("step");
    graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, x);
    for (int layer = 0; layer < 2; layer++) {
      norm(graph, grid, "norm" + layer, context, normed);
      MoeTasks tasks = moe.layer(layer).input(normed).output(y).appendTo(graph, grid);
      assertThat(tasks.tasks()).noneMatch(task -> task.name().contains("copy"));
      residual(graph, grid, "residual" + layer, context, y);
    }
    graph.transferToHost(DataTransferMode.EVERY_EXECUTION, x);

    try (TornadoExecutionPlan plan = new TornadoExecutionPlan(graph.snapshot())) {
      plan.withGridScheduler(grid).execute();
    }

    assertThat(error(expected, x.toHeapArray())).isLessThan(2e-5);
  }

  @Test
  void layersInGraphsOfTheirOwnHandOverOnTheDevice() throws TornadoExecutionPlanException {
    TornadoMoe moe = TornadoMoe.of(Planner.builder().maxTokens(TOKENS).build().plan(layers));
    float[] expected = engineOnHost(2);
    FloatArray normed = new FloatArray(x.getSize());
    FloatArray y = new FloatArray(x.getSize());
    KernelContext context = new KernelContext();
    GridScheduler grid = new GridScheduler();
    ImmutableTaskGraph[] graphs = new ImmutableTaskGraph[2];
    for (int layer = 0; layer < 2; layer++) {
      TaskGraph graph = new TaskGraph("layer" + layer);
      if (layer == 0) {
        graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, x);
      } else {
        graph.consumeFromDevice("layer0", x);
      }
      norm(graph, grid, "norm", context, normed);
      moe.layer(layer).input(normed).output(y).appendTo(graph, grid);
      residual(graph, grid, "residual", context, y);
      if (layer == 0) {
        graph.persistOnDevice(x);
      } else {
        graph.transferToHost(DataTransferMode.EVERY_EXECUTION, x);
      }
      graphs[layer] = graph.snapshot();
    }

    try (TornadoExecutionPlan plan = new TornadoExecutionPlan(graphs)) {
      plan.withGridScheduler(grid);
      plan.withGraph(0).execute();
      plan.withGraph(1).execute();
      assertThat(error(expected, x.toHeapArray())).isLessThan(2e-5);

      float[] next = random(TOKENS * hidden + 1);
      give(next);
      plan.withGraph(0).execute();
      plan.withGraph(1).execute();
      float[] executed = x.toHeapArray();
      try (GraphReplay replay = GraphReplay.of(plan)) {
        for (int step = 0; step < 3; step++) {
          give(next);
          replay.run();
          assertThat(x.toHeapArray()).containsExactly(executed);
        }
        give(random(TOKENS * hidden));
        replay.run();
        assertThat(error(expected, x.toHeapArray())).isLessThan(2e-5);
        assertThat(replay.profile())
            .extracting(LaunchTime::task)
            .startsWith("layer0.norm")
            .endsWith("layer1.residual");
      }
    }
  }

  private void give(float[] rows) {
    for (int i = 0; i < x.getSize(); i++) {
      x.set(i, rows[i]);
    }
  }

  @Test
  void takesIdsAndWeightsOfTheCallersOwnRouter() throws TornadoExecutionPlanException {
    int topK = layers.getFirst().topK();
    IntArray ids = new IntArray(TOKENS * topK);
    FloatArray weights = new FloatArray(TOKENS * topK);
    for (int pair = 0; pair < TOKENS * topK; pair++) {
      ids.set(pair, pair % layers.getFirst().globalExperts());
      weights.set(pair, 0.25f + pair * 0.01f);
    }
    MoePlan plan =
        Planner.builder().maxTokens(TOKENS).callerRoutes(true).build().plan(layers.getFirst());
    FloatArray y = new FloatArray(x.getSize());
    TaskGraph graph = new TaskGraph("routed");
    GridScheduler grid = new GridScheduler();
    graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, x, ids, weights);
    TornadoMoe.of(plan).input(x).output(y).routing(ids, weights).appendTo(graph, grid);
    graph.transferToHost(DataTransferMode.EVERY_EXECUTION, y);
    try (TornadoExecutionPlan execution = new TornadoExecutionPlan(graph.snapshot())) {
      execution.withGridScheduler(grid).execute();
    }

    float[] expected = new float[x.getSize()];
    try (Session session = Backends.require("reference").prepare(plan)) {
      session.run(
          new MoeCall()
              .hidden(MemorySegment.ofArray(x.toHeapArray()), TOKENS)
              .routing(
                  MemorySegment.ofArray(ids.toHeapArray()),
                  MemorySegment.ofArray(weights.toHeapArray()))
              .output(MemorySegment.ofArray(expected)));
    }
    assertThat(error(expected, y.toHeapArray())).isLessThan(2e-5);
  }

  @Test
  void tokensChangeBetweenExecutions() throws TornadoExecutionPlanException {
    MoePlan plan = Planner.builder().maxTokens(TOKENS).build().plan(layers.getFirst());
    IntArray tokens = new IntArray(1);
    FloatArray y = new FloatArray(x.getSize());
    TaskGraph graph = new TaskGraph("tokens");
    GridScheduler grid = new GridScheduler();
    graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, x, tokens);
    TornadoMoe.of(plan).input(x).output(y).tokens(tokens).appendTo(graph, grid);
    graph.transferToHost(DataTransferMode.EVERY_EXECUTION, y);
    float[] expected = layerOnHost(layers.getFirst(), x.toHeapArray());
    try (TornadoExecutionPlan execution = new TornadoExecutionPlan(graph.snapshot())) {
      execution.withGridScheduler(grid);
      for (int count = 1; count <= TOKENS; count++) {
        tokens.set(0, count);
        execution.withGraph(0).execute();
        assertThat(y.get((count - 1) * hidden + 1))
            .isCloseTo(
                expected[(count - 1) * hidden + 1], org.assertj.core.data.Offset.offset(1e-4f));
      }
    }
    assertThat(error(expected, y.toHeapArray())).isLessThan(2e-5);
  }

  /// The output holds the residual: one task less, and the planner has proven it.
  @Test
  void addsToTheResidualInTheOutput() throws TornadoExecutionPlanException {
    MoePlan plan =
        Planner.builder()
            .maxTokens(TOKENS)
            .residual(Residual.IN_OUTPUT)
            .build()
            .plan(layers.getFirst());
    float[] before = random(x.getSize() + 1);
    FloatArray y = new FloatArray(x.getSize());
    for (int i = 0; i < y.getSize(); i++) {
      y.set(i, before[i]);
    }
    TaskGraph graph = new TaskGraph("residualInOutput");
    GridScheduler grid = new GridScheduler();
    graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, x, y);
    TornadoMoe.of(plan).input(x).output(y).appendTo(graph, grid);
    graph.transferToHost(DataTransferMode.EVERY_EXECUTION, y);
    try (TornadoExecutionPlan execution = new TornadoExecutionPlan(graph.snapshot())) {
      execution.withGridScheduler(grid).execute();
    }

    float[] expected = layerOnHost(layers.getFirst(), x.toHeapArray());
    for (int i = 0; i < expected.length; i++) {
      expected[i] += before[i];
    }
    assertThat(error(expected, y.toHeapArray())).isLessThan(2e-5);
  }

  @Test
  void refusesArraysThatThePlanDoesNotAllow() {
    TornadoMoe moe = TornadoMoe.of(Planner.builder().maxTokens(TOKENS).build().plan(layers));
    TaskGraph graph = new TaskGraph("refused");
    GridScheduler grid = new GridScheduler();

    assertThatThrownBy(() -> moe.input(x).output(x).appendTo(graph, grid))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("input and output are the same array");
    assertThatThrownBy(() -> moe.input(x).output(new FloatArray(7)).appendTo(graph, grid))
        .hasMessage(
            String.format(
                Locale.ROOT, "output has 7 elements, expected at least %d", TOKENS * hidden));
    FloatArray y = new FloatArray(x.getSize());
    assertThatThrownBy(() -> moe.input(x).output(y).residual(x).appendTo(graph, grid))
        .hasMessageContaining("the plan says residual NONE");
    assertThatThrownBy(() -> moe.layer(2))
        .hasMessage("the plan has layers 0 to 1, asked for layer 2");
    assertThatThrownBy(() -> moe.maxTokens(TOKENS + 1))
        .hasMessage("tasks can be made for 1 to 3 tokens, asked for 4");
  }

  private void norm(
      TaskGraph graph, GridScheduler grid, String name, KernelContext context, FloatArray normed) {
    graph.task(name, TornadoMoeTest::rmsNorm, context, x, normed, hidden);
    grid.addWorkerGrid(graph.getTaskGraphName() + "." + name, new WorkerGrid1D(TOKENS));
  }

  private void residual(
      TaskGraph graph, GridScheduler grid, String name, KernelContext context, FloatArray y) {
    graph.task(name, TornadoMoeTest::add, context, y, x);
    grid.addWorkerGrid(graph.getTaskGraphName() + "." + name, new WorkerGrid1D(TOKENS * hidden));
  }

  private float[] engineOnHost(int count) {
    float[] state = x.toHeapArray();
    for (int layer = 0; layer < count; layer++) {
      float[] normed = new float[state.length];
      for (int t = 0; t < TOKENS; t++) {
        double squares = 0;
        for (int i = 0; i < hidden; i++) {
          squares += (double) state[t * hidden + i] * state[t * hidden + i];
        }
        double scale = 1 / Math.sqrt(squares / hidden + 1e-6);
        for (int i = 0; i < hidden; i++) {
          normed[t * hidden + i] = (float) (state[t * hidden + i] * scale);
        }
      }
      float[] y = layerOnHost(layers.get(layer), normed);
      for (int i = 0; i < state.length; i++) {
        state[i] += y[i];
      }
    }
    return state;
  }

  private static float[] layerOnHost(MoeLayer layer, float[] rows) {
    float[] y = new float[rows.length];
    try (Session session =
        Backends.require("reference")
            .prepare(Planner.builder().maxTokens(TOKENS).build().plan(layer))) {
      session.run(MemorySegment.ofArray(rows), TOKENS, MemorySegment.ofArray(y));
    }
    return y;
  }

  private static float[] random(int count) {
    Random random = new Random(count);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static double error(float[] want, float[] found) {
    double worst = 0;
    double squares = 0;
    for (int i = 0; i < want.length; i++) {
      worst = Math.max(worst, Math.abs(want[i] - found[i]));
      squares += (double) want[i] * want[i];
    }
    return worst / Math.sqrt(squares / want.length);
  }
}
