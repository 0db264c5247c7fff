package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tornado.device.TornadoSetup;
import dev.tornadomoe.tornado.replay.GraphReplay;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.exceptions.TornadoExecutionPlanException;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Layers whose routers hand states on, in a graph of the user's own.
class EmbeddedStatesTest {
  private static final Path GOLDEN =
      Path.of("../src/test/resources/golden/hf/zaya").toAbsolutePath();

  private static final int TOKENS = 7;

  private Checkpoint checkpoint;
  private TensorFile golden;
  private TensorFile extra;
  private List<MoeLayer> layers;

  @BeforeEach
  void open() {
    TornadoSetup.applySettings();
    checkpoint = Checkpoint.open(GOLDEN);
    golden = TensorFile.open(GOLDEN.resolve("golden.safetensors"));
    extra = TensorFile.open(GOLDEN.resolve("golden_extra.safetensors"));
    MoeModel model = MoeModel.of(checkpoint);
    layers = List.of(model.layer(0), model.layer(1));
  }

  @AfterEach
  void close() {
    extra.close();
    golden.close();
    checkpoint.close();
  }

  private MoePlan plan() {
    return Planner.builder().maxTokens(TOKENS).build().plan(layers);
  }

  private float[] rows(int layer) {
    return golden.require("layer" + layer + "/m7/input").toFloats();
  }

  private static void assertClose(FloatArray found, float[] expected) {
    for (int i = 0; i < expected.length; i++) {
      assertThat(found.get(i)).isCloseTo(expected[i], within(1e-4f));
    }
  }

  @Test
  void aLayerGoesOnFromWhatIsTransferred() throws TornadoExecutionPlanException {
    FloatArray x = FloatArray.fromArray(rows(1));
    FloatArray y = new FloatArray(x.getSize());
    FloatArray states = FloatArray.fromArray(extra.require("layer1/m7/router_states").toFloats());
    try (TornadoMoe moe = TornadoMoe.of(plan())) {
      refuses(moe.layer(1).input(x).output(y), "the layer has no router_states");
      refuses(
          moe.input(x).output(y).routerStates(new FloatArray(24)),
          "router_states has 24 elements, expected at least 168");
      refuses(moe.input(x).output(y).routerStates(y), "OVERLAPS_RESULT");
      TaskGraph graph = new TaskGraph("later");
      GridScheduler grid = new GridScheduler();
      graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, x, states);
      moe.input(x).output(y).routerStates(states).appendTo(graph, grid);
      graph.transferToHost(DataTransferMode.EVERY_EXECUTION, y, states);
      try (TornadoExecutionPlan execution = new TornadoExecutionPlan(graph.snapshot())) {
        execution.withDevice(TornadoBackend.device().device());
        execution.withGridScheduler(grid).execute();
      }
    }
    assertClose(y, golden.require("layer1/m7/output").toFloats());
    assertClose(states, extra.require("layer1/m7/router_states_out").toFloats());
  }

  private static void refuses(TornadoMoe moe, String sentence) {
    assertThatThrownBy(() -> moe.appendTo(new TaskGraph("refused"), new GridScheduler()))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining(sentence);
  }

  /// States that nobody on the host ever sees: a step's first layer writes them, the next reads
  /// them, in each execution anew.
  @Test
  void aStepHandsThemOnOnTheDevice() throws TornadoExecutionPlanException {
    FloatArray first = FloatArray.fromArray(rows(0));
    FloatArray second = FloatArray.fromArray(rows(1));
    FloatArray y = new FloatArray(first.getSize());
    FloatArray z = new FloatArray(second.getSize());
    float[] expected = expectedOfBoth();
    try (TornadoMoe moe = TornadoMoe.of(plan())) {
      FloatArray states = new FloatArray(TOKENS * layers.get(0).routerStates());
      TaskGraph graph = new TaskGraph("step");
      GridScheduler grid = new GridScheduler();
      graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, first, second);
      moe.layer(0).input(first).output(y).routerStates(states).appendTo(graph, grid);
      moe.layer(1).input(second).output(z).routerStates(states).appendTo(graph, grid);
      graph.transferToHost(DataTransferMode.EVERY_EXECUTION, y, z);
      try (TornadoExecutionPlan execution = new TornadoExecutionPlan(graph.snapshot())) {
        execution.withDevice(TornadoBackend.device().device());
        execution.withGridScheduler(grid).execute();
        assertClose(z, expected);
        try (GraphReplay replay = GraphReplay.of(execution)) {
          for (int step = 0; step < 2; step++) {
            y.init(0);
            z.init(0);
            replay.run();
            assertClose(y, golden.require("layer0/m7/output").toFloats());
            assertClose(z, expected);
          }
        }
      }
    }
  }

  /// What the second layer makes of the first one's states, on the reference backend.
  private float[] expectedOfBoth() {
    float[] states = new float[TOKENS * layers.get(0).routerStates()];
    float[] output = new float[rows(1).length];
    try (Session reference = Backends.require("reference").prepare(plan())) {
      for (int layer = 0; layer < 2; layer++) {
        reference.run(
            new MoeCall()
                .layer(layer)
                .hidden(MemorySegment.ofArray(rows(layer)), TOKENS)
                .output(MemorySegment.ofArray(output))
                .routerStates(MemorySegment.ofArray(states)));
      }
    }
    return output;
  }
}
