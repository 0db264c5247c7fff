package dev.tornadomoe.layer.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Experts in two tensors, whose shapes alone tell whether they are transposed.
class FusedLayoutTest {
  private static final String BLOCK = "model.layers.0.mlp.";
  private static final String GATE_UP = BLOCK + "experts.gate_up_proj";
  private static final String DOWN = BLOCK + "experts.down_proj";

  @TempDir Path directory;

  @ParameterizedTest(name = "H {0}, I {1}, E {2}, transposed {3}")
  @CsvSource({
    "12, 8, 6, false", "12, 8, 6, true",
    "8, 12, 6, false", "8, 12, 6, true",
    "16, 8, 3, false", "16, 8, 3, true", // H = 2I: gate_up is square
    "8, 8, 3, false", "8, 8, 3, true", // H = I: down is square
    "8, 16, 2, false", "8, 16, 2, true", // 2H = I
    "6, 3, 6, false", "6, 3, 6, true", // E = H = 2I
    "5, 1, 2, false", "5, 1, 2, true",
    "1, 1, 2, false", "1, 1, 2, true"
  })
  void readsEveryElementInEitherOrientation(
      int hidden, int intermediate, int experts, boolean transposed) {
    BlockTensors block = new BlockTensors(hidden, intermediate, experts);
    TensorSet tensors =
        block
            .router(BLOCK + "gate")
            .putAll(transposed ? block.transposed(GATE_UP, DOWN) : block.fused(GATE_UP, DOWN));
    try (Checkpoint checkpoint = open(block, tensors)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      block.assertExperts(layer);
      for (Mlp expert : layer.experts().local()) {
        assertThat(expert.bytesToLoad() == 0)
            .as("only a transposed layout is copied")
            .isNotEqualTo(transposed);
        assertThat(Objects.requireNonNull(expert.gate()).name()).contains("gate_up_proj");
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"true, false", "false, true"})
  void refusesOrientationsThatContradictEachOther(boolean gateUp, boolean down) {
    BlockTensors block = new BlockTensors(12, 8, 6);
    assertRefused(
        block,
        block.gateUp(GATE_UP, gateUp, false),
        block.down(DOWN, down),
        "\"" + DOWN + "\"",
        gateUp ? "[6, 12, 8]" : "[6, 8, 12]",
        gateUp ? "[6, 8, 12]" : "[6, 12, 8]");
  }

  @Test
  void refusesExtraAndMissingExperts() {
    BlockTensors block = new BlockTensors(12, 8, 6);
    BlockTensors more = new BlockTensors(12, 8, 7);
    assertRefused(
        block,
        more.gateUp(GATE_UP, false, false),
        more.down(DOWN, false),
        "\"" + GATE_UP + "\"",
        "[7, 16, 12]",
        "[6, 16, 12]");
    BlockTensors fewer = new BlockTensors(12, 8, 5);
    assertRefused(
        block,
        block.gateUp(GATE_UP, false, false),
        fewer.down(DOWN, false),
        "\"" + DOWN + "\"",
        "[5, 12, 8]",
        "[6, 12, 8]");
  }

  @Test
  void refusesAnotherIntermediateSize() {
    BlockTensors block = new BlockTensors(12, 8, 6);
    BlockTensors wider = new BlockTensors(12, 9, 6);
    assertRefused(
        block,
        wider.gateUp(GATE_UP, false, false),
        wider.down(DOWN, false),
        "\"" + GATE_UP + "\"",
        "[6, 18, 12]",
        "[6, 16, 12]");
  }

  @ParameterizedTest
  @CsvSource({
    "experts.gate_up_proj, false", "experts.down_proj, false",
    "experts.gate_up_proj, true", "experts.down_proj, true"
  })
  void namesTheTensorThatIsMissing(String missing, boolean transposed) {
    BlockTensors block = new BlockTensors(12, 8, 6);
    TensorSet tensors =
        block
            .router(BLOCK + "gate")
            .putAll(transposed ? block.transposed(GATE_UP, DOWN) : block.fused(GATE_UP, DOWN))
            .remove(BLOCK + missing);
    try (Checkpoint checkpoint = open(block, tensors)) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(0))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(
              directory.resolve("model.safetensors").toString(),
              "\"" + BLOCK + missing + "\"",
              "missing");
    }
  }

  private void assertRefused(
      BlockTensors block, TensorView gateUp, TensorView down, String... says) {
    try (Checkpoint checkpoint = open(block, block.router(BLOCK + "gate").put(gateUp).put(down))) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(0))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(directory.resolve("model.safetensors").toString())
          .hasMessageContainingAll(says);
    }
  }

  private Checkpoint open(BlockTensors block, TensorSet tensors) {
    String config =
        FamilyConfig.of("qwen3_moe")
            .with("hidden_size", block.hidden())
            .with("moe_intermediate_size", block.intermediate())
            .with("num_experts", block.experts())
            .json();
    return ModelDirectory.open(directory, config, tensors.tensors());
  }
}
