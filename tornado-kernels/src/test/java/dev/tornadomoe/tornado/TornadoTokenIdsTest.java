package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tornado.device.TornadoSetup;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.exceptions.TornadoExecutionPlanException;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Layers that choose experts by token id, in a graph of the user's own.
class TornadoTokenIdsTest {
  private static final Path GOLDEN =
      Path.of("../src/test/resources/golden/hf/deepseek_v4_hash").toAbsolutePath();

  private static final int TOKENS = 7;

  @Test
  void takesAnArrayOfTheUsersOwn() throws TornadoExecutionPlanException {
    TornadoSetup.applySettings();
    try (Checkpoint checkpoint = Checkpoint.open(GOLDEN);
        TensorFile golden = TensorFile.open(GOLDEN.resolve("golden.safetensors"));
        TensorFile extra = TensorFile.open(GOLDEN.resolve("golden_extra.safetensors"))) {
      MoePlan plan =
          Planner.builder().maxTokens(TOKENS).build().plan(MoeModel.of(checkpoint).layer(0));
      FloatArray x = FloatArray.fromArray(golden.require("layer0/m7/input").toFloats());
      FloatArray y = new FloatArray(x.getSize());
      TensorView stored = extra.require("layer0/m7/input_ids");
      IntArray ids =
          IntArray.fromArray(
              IntStream.range(0, TOKENS).map(t -> (int) stored.getLong(t)).toArray());
      try (TornadoMoe moe = TornadoMoe.of(plan)) {
        refusesToDoWithout(moe, x, y);
        TaskGraph graph = new TaskGraph("ids");
        GridScheduler grid = new GridScheduler();
        graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, x, ids);
        moe.input(x).output(y).tokenIds(ids).appendTo(graph, grid);
        graph.transferToHost(DataTransferMode.EVERY_EXECUTION, y);
        try (TornadoExecutionPlan execution = new TornadoExecutionPlan(graph.snapshot())) {
          execution.withDevice(TornadoBackend.device().device());
          execution.withGridScheduler(grid).execute();
        }
      }
      float[] expected = golden.require("layer0/m7/output").toFloats();
      for (int i = 0; i < expected.length; i++) {
        assertThat(y.get(i)).isCloseTo(expected[i], within(1e-4f));
      }
    }
  }

  private static void refusesToDoWithout(TornadoMoe moe, FloatArray x, FloatArray y) {
    TaskGraph graph = new TaskGraph("refused");
    assertThatThrownBy(() -> moe.input(x).output(y).appendTo(graph, new GridScheduler()))
        .isInstanceOf(BackendException.class)
        .hasMessage("the layer has no token_ids");
    assertThatThrownBy(() ->
            moe.input(x)
                .output(y)
                .tokenIds(new IntArray(TOKENS - 1))
                .appendTo(graph, new GridScheduler()))
        .hasMessage("token_ids has 6 elements, expected at least 7");
  }
}
