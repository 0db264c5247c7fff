package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static dev.tornadomoe.layer.family.FamilyConfig.SHARED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A layer whose tensors are not all there, or not what they should be.
class BrokenLayerTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final String MLP = "model.layers.0.mlp.";

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gate.weight",
        "gate.e_score_correction_bias",
        "experts.0.gate_proj.weight",
        "experts.3.up_proj.weight",
        "experts.5.down_proj.weight",
        "shared_experts.gate_proj.weight",
        "shared_experts.up_proj.weight",
        "shared_experts.down_proj.weight"
      })
  void namesTheTensorThatIsMissing(String name) {
    assertRefused(
        FamilyConfig.of("deepseek_v3"),
        deepseek().remove(MLP + name),
        "\"" + MLP + name + "\"",
        "missing");
  }

  @ParameterizedTest
  @ValueSource(strings = {"shared_expert.up_proj.weight", "shared_expert_gate.weight"})
  void namesThePartOfASharedExpertThatIsMissing(String name) {
    assertRefused(
        FamilyConfig.of("qwen2_moe"),
        qwen().remove(MLP + name),
        "\"" + MLP + name + "\"",
        "missing");
  }

  @Test
  void namesTheFirstExpertWhenNoneIsThere() {
    assertRefused(
        FamilyConfig.of("qwen3_moe"),
        BLOCK.router(MLP + "gate"),
        "\"" + MLP + "experts.0.gate_proj.weight\"",
        "missing");
  }

  /// What exporters of reinforcement learning write, and converters.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "experts.gate_up_proj.weight_packed",
        "experts.gate_up_proj.qweight",
        "experts.gate_up_proj_packed",
        "experts.gate_up_proj_qweight"
      })
  void namesTheFormOfFusedExpertsThatIsNotRead(String name) {
    assertRefused(
        FamilyConfig.of("qwen3_moe"),
        BLOCK.router(MLP + "gate").put(HeapTensors.i32(MLP + name, Shape.of(1), 0)),
        directory.resolve("model.safetensors").toString(),
        "\"" + MLP + name + "\"",
        "not supported for qwen3_moe");
  }

  static Stream<Arguments> misshapen() {
    return Stream.of(
        misfit("gate.weight", Shape.of(5, HIDDEN), "[5, 12]", "[6, 12]"),
        misfit("gate.weight", Shape.of(EXPERTS, 13), "[6, 13]", "[6, 12]"),
        misfit("gate.weight", Shape.of(HIDDEN, EXPERTS), "[12, 6]", "transposed"),
        misfit("gate.e_score_correction_bias", Shape.of(5), "[5]", "[6]"),
        misfit("gate.e_score_correction_bias", Shape.of(1, 6), "[1, 6]", "[6]"),
        misfit("experts.2.gate_proj.weight", Shape.of(9, HIDDEN), "[9, 12]", "[8, 12]"),
        misfit("experts.2.up_proj.weight", Shape.of(HIDDEN, 8), "[12, 8]", "transposed"),
        misfit("experts.2.down_proj.weight", Shape.of(HIDDEN, 9), "[12, 9]", "[12, 8]"),
        misfit("experts.2.down_proj.weight", Shape.of(1, HIDDEN, 8), "[1, 12, 8]", "[12, 8]"),
        misfit("shared_experts.up_proj.weight", Shape.of(16, HIDDEN), "[16, 12]", "[8, 12]"));
  }

  @ParameterizedTest
  @MethodSource("misshapen")
  void namesTheTensorThatIsMisshapen(TensorView tensor, String found, String expected) {
    assertRefused(
        FamilyConfig.of("deepseek_v3"),
        deepseek().put(tensor),
        "\"" + tensor.name() + "\"",
        found,
        expected);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"gate.weight", "experts.1.up_proj.weight", "gate.e_score_correction_bias"})
  void namesTheTensorOfAnotherType(String name) {
    TensorSet tensors = deepseek();
    Shape shape = tensors.get(MLP + name).shape();
    byte[] codes = new byte[(int) shape.elements()];
    tensors.put(HeapTensors.of(MLP + name, DType.F8_E4M3, shape, codes));
    assertRefused(
        FamilyConfig.of("deepseek_v3"), tensors, "\"" + MLP + name + "\"", "F8_E4M3", "BF16");
  }

  /// deepseek_v3 keeps its correction bias in F32, and routers are F32 elsewhere too.
  @Test
  void partsMayDifferInType() {
    TensorSet tensors = deepseek();
    for (String name : new String[] {"gate.weight", "gate.e_score_correction_bias"}) {
      TensorView tensor = tensors.get(MLP + name);
      tensors.put(HeapTensors.f32(tensor.name(), tensor.shape(), tensor.toFloats()));
    }
    String config = FamilyConfig.of("deepseek_v3").json();
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors.tensors())) {
      var layer = MoeModel.of(checkpoint).layer(0);
      BLOCK.assertRouter(layer);
      BLOCK.assertExperts(layer);
      assertThat(layer.router()).isNotNull();
      BlockTensors.assertBias(layer.router().correctionBias(), "correction", 0, EXPERTS);
    }
  }

  @ParameterizedTest
  @CsvSource({"deepseek_v2, null", "deepseek_v2, 0", "deepseek_v3, null", "glm4_moe, null"})
  void aModelWithoutSharedExpertsHasNone(String family, String count) {
    TensorSet tensors = BLOCK.router(MLP + "gate").putAll(BLOCK.perExpert(MLP));
    if (!family.equals("deepseek_v2")) {
      tensors.put(
          BlockTensors.vector(MLP + "gate.e_score_correction_bias", "correction", 0, EXPERTS));
    }
    String config = FamilyConfig.of(family).withJson("n_shared_experts", count).json();
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors.tensors())) {
      assertThat(MoeModel.of(checkpoint).layer(0).shared()).isNull();
    }
  }

  private static TensorSet deepseek() {
    return BLOCK
        .router(MLP + "gate")
        .put(BlockTensors.vector(MLP + "gate.e_score_correction_bias", "correction", 0, EXPERTS))
        .putAll(BLOCK.perExpert(MLP))
        .putAll(BLOCK.shared(MLP + "shared_experts", INTERMEDIATE));
  }

  private static TensorSet qwen() {
    return BLOCK
        .router(MLP + "gate")
        .putAll(BLOCK.perExpert(MLP))
        .putAll(BLOCK.shared(MLP + "shared_expert", SHARED))
        .putAll(BLOCK.sharedGate(MLP + "shared_expert_gate"));
  }

  private static Arguments misfit(String name, Shape shape, String found, String expected) {
    return Arguments.of(
        HeapTensors.bf16(MLP + name, shape, new float[(int) shape.elements()]), found, expected);
  }

  private void assertRefused(FamilyConfig config, TensorSet tensors, String... says) {
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config.json(), tensors.tensors())) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(0))
          .isInstanceOf(MoeException.class)
          .hasMessageStartingWith(directory.toString())
          .hasMessageContainingAll(says);
    }
  }
}
