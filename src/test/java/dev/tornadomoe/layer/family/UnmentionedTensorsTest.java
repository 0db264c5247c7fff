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
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Parts of a block that the config says the model does not have.
class UnmentionedTensorsTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final String MLP = "model.layers.0.mlp.";

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "qwen3_moe, shared_expert.gate_proj.weight",
    "qwen3_moe, shared_experts.gate_proj.weight",
    "qwen3_moe, shared_expert.gate_proj.weight_packed",
    "mixtral, shared_experts.gate_proj.qweight",
    "mixtral, shared_experts.w1.weight",
    "deepseek_v2, shared_experts.gate_proj.weight"
  })
  void refusesASharedExpert(String family, String name) {
    FamilyConfig config = FamilyConfig.of(family);
    if (family.equals("deepseek_v2")) {
      config.with("n_shared_experts", 0);
    }
    assertRefused(config, name, "no shared expert");
  }

  @ParameterizedTest
  @CsvSource({
    "qwen3_moe, gate.e_score_correction_bias",
    "olmoe, e_score_correction_bias",
    "mixtral, gate.e_score_correction_bias"
  })
  void refusesACorrectionBias(String family, String name) {
    assertRefused(FamilyConfig.of(family), name, "no correction bias");
  }

  @Test
  void refusesTheCorrectionBiasOfStep() {
    String moe = "model.layers.0.moe.";
    assertRefused(
        FamilyConfig.of("step3p5").with("use_moe_router_bias", false),
        BLOCK
            .router(moe + "gate")
            .put(BlockTensors.vector(moe + "router_bias", "surplus", 0, EXPERTS)),
        "\"" + moe + "router_bias\"",
        "no correction bias");
  }

  @ParameterizedTest
  @ValueSource(strings = {"qwen3_moe", "mixtral", "olmoe"})
  void refusesARouterBias(String family) {
    assertRefused(FamilyConfig.of(family), "gate.bias", "no router bias");
  }

  /// Old GPTQ files have them wherever a layer was quantised.
  @Test
  void aRouterBiasOfZerosChangesNothing() {
    TensorSet tensors =
        block().put(HeapTensors.f16(MLP + "gate.bias", Shape.of(EXPERTS), new float[EXPERTS]));
    String config = FamilyConfig.of("qwen3_moe").json();
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors.tensors())) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      BLOCK.assertLayer(layer, 0, false);
      assertThat(Objects.requireNonNull(layer.router()).bias()).isNull();
    }
  }

  @Test
  void refusesARouterBiasOfAnotherShape() {
    TensorSet tensors =
        block().put(HeapTensors.f16(MLP + "gate.bias", Shape.of(1, EXPERTS), new float[EXPERTS]));
    assertRefused(
        FamilyConfig.of("qwen3_moe"), tensors, "\"" + MLP + "gate.bias\"", "[1, 6]", "[6]");
  }

  private static TensorSet block() {
    return BLOCK.router(MLP + "gate").putAll(BLOCK.perExpert(MLP));
  }

  private void assertRefused(FamilyConfig config, String name, String says) {
    assertRefused(
        config,
        block().put(BlockTensors.vector(MLP + name, "surplus", 0, EXPERTS)),
        "\"" + MLP + name + "\"",
        directory.resolve("config.json").toString(),
        says);
  }

  private void assertRefused(FamilyConfig config, TensorSet tensors, String... says) {
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config.json(), tensors.tensors())) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(0))
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(directory.resolve("model.safetensors") + ": ")
          .hasMessageContainingAll(says);
    }
  }
}
