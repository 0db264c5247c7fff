package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tornado.graph.GraphNeeds;
import dev.tornadomoe.tornado.replay.GraphMemory;
import dev.tornadomoe.tornado.replay.GraphReplay;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.exceptions.TornadoExecutionPlanException;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Layers in an engine's graphs: prompt and step on the same weights, two models in one graph, and
/// what is said where a graph is full. Results beside those of transformers.
class EmbeddedLayersTest {
  private static final Path QWEN = Path.of("../src/test/resources/golden/hf/qwen3_moe");
  private static final Path MIXTRAL = Path.of("../src/test/resources/golden/hf/mixtral");
  private static final int PROMPT = 7;

  /// The checkpoint is closed when a graph is built.
  private static TornadoMoe load(Path path, int copies, int tokens) {
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      MoeModel model = MoeModel.of(checkpoint);
      MoeLayer first = model.layer(model.layerIndices().getFirst());
      List<MoeLayer> layers =
          copies > 0
              ? Collections.nCopies(copies, first)
              : model.layerIndices().stream().map(model::layer).toList();
      MoePlan plan = new TornadoBackend().planner(layers).maxTokens(tokens).build().plan(layers);
      return TornadoMoe.of(plan);
    }
  }

  @Test
  void promptAndStepShareTheWeights() {
    GoldenRows prompt = GoldenRows.of(QWEN, 1, PROMPT);
    GoldenRows step = GoldenRows.of(QWEN, 1, 1);
    try (TornadoMoe moe = load(QWEN, 0, PROMPT)) {
      FloatArray rows = FloatArray.fromArray(prompt.input());
      FloatArray row = FloatArray.fromArray(step.input());
      FloatArray many = new FloatArray(rows.getSize());
      FloatArray one = new FloatArray(row.getSize());
      List<MoeTasks> tasks = new ArrayList<>();
      TaskGraph prefill = new TaskGraph("prefill");
      prefill.transferToDevice(DataTransferMode.EVERY_EXECUTION, rows);
      tasks.add(moe.layer(1).maxTokens(PROMPT).input(rows).output(many).appendTo(prefill));
      prefill.transferToHost(DataTransferMode.EVERY_EXECUTION, many);
      TaskGraph decode = new TaskGraph("decode");
      decode.transferToDevice(DataTransferMode.EVERY_EXECUTION, row);
      tasks.add(moe.layer(1).maxTokens(1).input(row).output(one).appendTo(decode));
      decode.transferToHost(DataTransferMode.EVERY_EXECUTION, one);
      assertThat(tasks.getFirst().tasks())
          .extracting(MoeTasks.Task::name)
          .allMatch(name -> name.startsWith("prefill.moe0_"));

      GridScheduler grid = new GridScheduler();
      tasks.forEach(each -> each.schedule(grid));
      TornadoExecutionPlan plan = new TornadoExecutionPlan(prefill.snapshot(), decode.snapshot());
      plan.withGridScheduler(grid).withDevice(TornadoBackend.device().device());
      try (GraphMemory memory = GraphMemory.of(plan)) {
        plan.withGraph(0).execute();
        long alone = memory.bytes();
        memory.share(1);
        for (int graph : new int[] {1, 1, 0, 1, 0, 0, 1}) {
          plan.withGraph(graph).execute();
          assertGolden(prompt, many);
        }
        assertGolden(step, one);
        assertThat(memory.bytes() - alone).isLessThan(moe.layer(1).needs().weightBytes() / 2);
        float[] executed = one.toHeapArray();
        one.init(0);
        try (GraphReplay replay = GraphReplay.of(plan, List.of(1))) {
          replay.run();
          assertThat(one.toHeapArray()).containsExactly(executed);
        }
      }
    }
  }

  private static void assertGolden(GoldenRows golden, FloatArray found) {
    float[] output = golden.output();
    double[] exact = IntStream.range(0, output.length).mapToDouble(i -> output[i]).toArray();
    Rows.assertClose(found.toHeapArray(), exact, 2e-5);
  }

  @Test
  void modelsInOneGraphHaveNamesOfTheirOwn() throws TornadoExecutionPlanException {
    GoldenRows first = GoldenRows.of(QWEN, 0, 1);
    GoldenRows second = GoldenRows.of(MIXTRAL, 0, 1);
    try (TornadoMoe one = load(QWEN, 0, 1);
        TornadoMoe other = load(MIXTRAL, 0, 1)) {
      FloatArray rowOfOne = FloatArray.fromArray(first.input());
      FloatArray rowOfOther = FloatArray.fromArray(second.input());
      FloatArray a = new FloatArray(rowOfOne.getSize());
      FloatArray b = new FloatArray(rowOfOther.getSize());
      GridScheduler grid = new GridScheduler();
      TaskGraph graph = new TaskGraph("both");
      graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, rowOfOne, rowOfOther);
      one.input(rowOfOne).output(a).appendTo(graph, grid);
      other.prefix("draft").input(rowOfOther).output(b).appendTo(graph, grid);
      graph.transferToHost(DataTransferMode.EVERY_EXECUTION, a, b);
      try (TornadoExecutionPlan plan = new TornadoExecutionPlan(graph.snapshot())) {
        plan.withGridScheduler(grid).execute();
      }
      assertGolden(first, a);
      assertGolden(second, b);

      TaskGraph clash = new TaskGraph("clash");
      one.input(rowOfOne).output(a).appendTo(clash);
      assertThatThrownBy(() -> other.prefix("moe").input(rowOfOther).output(b).appendTo(clash))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("graph clash does not take task moe0_logits0")
          .hasMessageEndingWith("two TornadoMoe in one graph need different prefixes");
      assertThatThrownBy(() -> other.prefix("2nd"))
          .hasMessage("prefix \"2nd\": expected a letter, then letters and digits");
    }
  }

  @Test
  void saysWhetherLayersFitAGraph() {
    try (TornadoMoe moe = load(QWEN, 40, 1)) {
      FloatArray x = new FloatArray(64);
      FloatArray y = new FloatArray(64);
      TaskGraph graph = new TaskGraph("full");
      GraphNeeds needs = GraphNeeds.NONE;
      int tasks = 0;
      int fit = 0;
      while (needs.plus(moe.layer(fit).needs()).fitsGraph()) {
        needs = needs.plus(moe.needs());
        tasks += moe.input(x).output(y).appendTo(graph).tasks().size();
        fit++;
      }
      assertThat(fit).isBetween(5, 39);
      assertThat(needs.tasks()).isEqualTo(tasks);
      assertThat(needs.codeBytes()).isLessThanOrEqualTo(8192);
      assertThatThrownBy(
              () -> {
                for (int place = 0; place < 40; place++) {
                  moe.layer(place).input(x).output(y).appendTo(graph);
                }
              })
          .isInstanceOf(BackendException.class)
          .hasMessageMatching(
              "graph full is full: TornadoVM has 8 KiB for the code of its tasks, and moe\\d+_\\w+"
                  + " has no room; put fewer layers into a graph");
    }
  }

  @Test
  void nothingIsAddedOnceClosed() {
    TornadoMoe moe = load(QWEN, 1, 1);
    moe.close();
    moe.close();
    assertThatThrownBy(() -> moe.appendTo(new TaskGraph("late")))
        .isInstanceOf(BackendException.class)
        .hasMessage("these layers are closed");
  }

  /// Setters that are for a graph stay; rows are for one layer.
  @Test
  void settersStayOrDoNot() {
    try (TornadoMoe moe = load(QWEN, 2, 4)) {
      FloatArray x = new FloatArray(2 * 64);
      FloatArray y = new FloatArray(2 * 64);
      TaskGraph graph = new TaskGraph("setters");
      moe.prefix("a").layer(1).maxTokens(2).tokens(new IntArray(1));
      moe.input(x).output(y).appendTo(graph);
      assertThat(moe.input(x).output(y).appendTo(graph).tasks())
          .allMatch(task -> task.name().startsWith("setters.a1_"));
      assertThatThrownBy(() -> moe.appendTo(graph)).hasMessage("the layer has no input");
      assertThatThrownBy(() -> moe.maxTokens(3).input(x).output(y).appendTo(graph))
          .hasMessageContaining("graph setters has layers for up to 2 tokens");
    }
  }

  /// A GPU's pieces work pair by pair as long as tokens hardly share experts.
  @Test
  void plannersOfABackendHaveItsPieces() {
    try (Checkpoint checkpoint = Checkpoint.open(QWEN)) {
      List<MoeLayer> layers = List.of(MoeModel.of(checkpoint).layer(0));
      TornadoBackend backend = new TornadoBackend();
      MoePlan plan = backend.planner(layers).maxTokens(64).build().plan(layers);
      MoePlan expected =
          backend
              .modularMoe(layers)
              .map(modularMoe -> Planner.builder().modularMoe(modularMoe))
              .orElseGet(Planner::builder)
              .maxTokens(64)
              .build()
              .plan(layers);
      assertThat(plan.modularMoe(0).experts().pathLimits())
          .isEqualTo(expected.modularMoe(0).experts().pathLimits());
    }
  }
}
