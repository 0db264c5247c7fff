package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// MLX's `switch_mlp` in BF16: the experts' weights element by element, and biases where they are.
class StackedExpertsTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final String MLP = "model.layers.0.mlp.";
  private static final String SWITCH = MLP + "switch_mlp.";

  @TempDir Path directory;

  private static TensorView stack(String projection, String what, int rows, int columns) {
    float[] values = new float[EXPERTS * rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = BlockTensors.value(what, i / (rows * columns), i / columns % rows, i % columns);
    }
    return HeapTensors.bf16(
        SWITCH + projection + ".weight", Shape.of(EXPERTS, rows, columns), values);
  }

  private static TensorView biases(String projection, int size) {
    float[] values = new float[EXPERTS * size];
    for (int i = 0; i < values.length; i++) {
      values[i] = BlockTensors.value(projection, i / size, 0, i % size);
    }
    return HeapTensors.bf16(SWITCH + projection + ".bias", Shape.of(EXPERTS, size), values);
  }

  private static TensorSet block() {
    return BLOCK
        .router(MLP + "gate")
        .put(stack("gate_proj", "gate", INTERMEDIATE, HIDDEN))
        .put(stack("up_proj", "up", INTERMEDIATE, HIDDEN))
        .put(stack("down_proj", "down", HIDDEN, INTERMEDIATE));
  }

  private Checkpoint open(TensorSet tensors) {
    return ModelDirectory.open(directory, FamilyConfig.of("qwen3_moe").json(), tensors.tensors());
  }

  @Test
  void areReadElementByElement() {
    try (Checkpoint checkpoint = open(block())) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      BLOCK.assertLayer(layer, 0, false);
      assertThat(layer.experts().local())
          .allMatch(mlp -> mlp.gateBias() == null && mlp.downBias() == null);
    }
  }

  @Test
  void biasesThatAreStoredCount() {
    TensorSet tensors =
        block()
            .put(biases("gate_proj", INTERMEDIATE))
            .put(biases("up_proj", INTERMEDIATE))
            .put(biases("down_proj", HIDDEN));
    try (Checkpoint checkpoint = open(tensors)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      for (int e = 0; e < EXPERTS; e++) {
        Mlp mlp = layer.experts().local().get(e);
        assertBias(mlp.gateBias(), "gate_proj", e);
        assertBias(mlp.upBias(), "up_proj", e);
        assertBias(mlp.downBias(), "down_proj", e);
      }
    }
  }

  private static void assertBias(@Nullable Bias bias, String projection, int expert) {
    float[] values = Objects.requireNonNull(bias).toFloats();
    for (int i = 0; i < values.length; i++) {
      assertThat(values[i]).isEqualTo(BlockTensors.value(projection, expert, 0, i));
    }
  }

  @Test
  void namesABiasOfAnotherShape() {
    try (Checkpoint checkpoint = open(block().put(biases("down_proj", INTERMEDIATE)))) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(0))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("switch_mlp.down_proj.bias", "[6, 8]", "[6, 12]");
    }
  }
}
