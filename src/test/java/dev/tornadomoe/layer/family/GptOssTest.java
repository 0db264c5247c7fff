package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.BlockTensors.assertBias;
import static dev.tornadomoe.layer.family.BlockTensors.value;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Gate and up alternate along the last dimension, and everything has a bias.
class GptOssTest {
  private static final String BLOCK = "model.layers.0.mlp.";
  private static final String GATE_UP = BLOCK + "experts.gate_up_proj";
  private static final String DOWN = BLOCK + "experts.down_proj";

  @TempDir Path directory;

  @ParameterizedTest(name = "H {0}, I {1}, E {2}")
  @CsvSource({"12, 8, 6", "8, 8, 3", "16, 8, 2", "8, 12, 4", "5, 3, 7"})
  void takesGateAndUpInTurns(int hidden, int intermediate, int experts) {
    BlockTensors block = new BlockTensors(hidden, intermediate, experts);
    try (Checkpoint checkpoint = open(block, tensors(block))) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      block.assertRouter(layer);
      block.assertExperts(layer);
      assertBias(Objects.requireNonNull(layer.router()).bias(), "router bias", 0, experts);
      for (int e = 0; e < experts; e++) {
        Mlp expert = layer.experts().local().get(e);
        assertBias(expert.gateBias(), "gate bias", e, intermediate);
        assertBias(expert.upBias(), "up bias", e, intermediate);
        assertBias(expert.downBias(), "down bias", e, hidden);
      }
      assertThat(layer.shared()).isNull();
    }
  }

  @Test
  void clampsWhateverHiddenActSays() {
    BlockTensors block = new BlockTensors(12, 8, 6);
    try (Checkpoint checkpoint = open(block, tensors(block))) {
      assertThat(MoeModel.of(checkpoint).layout().activation()).isEqualTo(Activation.swigluOai(7));
    }
    String limited = config(block).with("swiglu_limit", 5.5).json();
    try (Checkpoint checkpoint =
        ModelDirectory.open(directory, limited, tensors(block).tensors())) {
      assertThat(MoeModel.of(checkpoint).layout().activation())
          .isEqualTo(Activation.swigluOai(5.5f));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "router.bias",
        "experts.gate_up_proj",
        "experts.down_proj",
        "experts.gate_up_proj_bias",
        "experts.down_proj_bias"
      })
  void namesTheTensorThatIsMissing(String name) {
    BlockTensors block = new BlockTensors(12, 8, 6);
    assertRefused(
        block, tensors(block).remove(BLOCK + name), "\"" + BLOCK + name + "\"", "missing");
  }

  @Test
  void refusesBiasesOfAnotherShape() {
    BlockTensors block = new BlockTensors(12, 8, 6);
    TensorView bias = HeapTensors.bf16(GATE_UP + "_bias", Shape.of(6, 8), new float[48]);
    assertRefused(block, tensors(block).put(bias), "_bias\"", "[6, 8]", "[6, 16]");
    TensorView router = HeapTensors.bf16(BLOCK + "router.bias", Shape.of(5), new float[5]);
    assertRefused(block, tensors(block).put(router), "router.bias\"", "[5]", "[6]");
  }

  /// Rows of outputs would have gate and up in another place.
  @Test
  void refusesTheOtherOrientation() {
    BlockTensors block = new BlockTensors(12, 8, 6);
    TensorSet tensors =
        tensors(block).put(block.gateUp(GATE_UP, false, true)).put(block.down(DOWN, false));
    assertRefused(block, tensors, "\"" + GATE_UP + "\"", "[6, 16, 12]", "[6, 12, 16]");
    BlockTensors square = new BlockTensors(16, 8, 6);
    TensorSet ambiguous =
        tensors(square).put(square.gateUp(GATE_UP, false, true)).put(square.down(DOWN, false));
    assertRefused(square, ambiguous, "\"" + DOWN + "\"", "[6, 16, 8]", "[6, 8, 16]");
  }

  /// Exporters disagree on whether gate_proj is the gate.
  @Test
  void refusesExpertsStoredOneByOne() {
    BlockTensors block = new BlockTensors(12, 8, 6);
    TensorSet tensors = tensors(block).remove(GATE_UP).remove(DOWN).putAll(block.perExpert(BLOCK));
    assertRefused(
        block, tensors, "\"" + BLOCK + "experts.0.gate_proj.weight\"", "not supported for gpt_oss");
  }

  /// GPTQModel's form: gate and up of one expert in one module.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "experts.0.gate_up_proj.qweight",
        "experts.gate_up.0.qweight",
        "experts.gate_up_proj.weight_packed",
        "experts.experts.0.gate_proj.weight_packed"
      })
  void namesTheFormThatIsNotRead(String name) {
    BlockTensors block = new BlockTensors(12, 8, 6);
    TensorSet tensors =
        tensors(block)
            .remove(GATE_UP)
            .remove(DOWN)
            .put(HeapTensors.i32(BLOCK + name, Shape.of(1), 0));
    assertRefused(block, tensors, "\"" + BLOCK + name + "\"", "not supported for gpt_oss");
  }

  /// What a tool leaves that unpacks the weights and not the config.
  @Test
  void readsUnpackedExpertsUnderTheirOldConfig() {
    BlockTensors block = new BlockTensors(12, 8, 6);
    String config =
        config(block).withJson("quantization_config", "{\"quant_method\": \"mxfp4\"}").json();
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors(block).tensors())) {
      block.assertExperts(MoeModel.of(checkpoint).layer(0));
    }
  }

  @Test
  void saysThatTheConfigOfPackedExpertsIsMissing() {
    BlockTensors block = new BlockTensors(12, 8, 6);
    TensorSet tensors =
        tensors(block).remove(GATE_UP).put(HeapTensors.i32(GATE_UP + "_blocks", Shape.of(1), 0));
    assertRefused(block, tensors, "\"" + GATE_UP + "_blocks\"", "no quantization_config");
  }

  private static TensorSet tensors(BlockTensors block) {
    int experts = block.experts();
    int intermediate = block.intermediate();
    float[] gateUpBias = new float[experts * 2 * intermediate];
    float[] downBias = new float[experts * block.hidden()];
    for (int e = 0; e < experts; e++) {
      for (int i = 0; i < intermediate; i++) {
        gateUpBias[(e * intermediate + i) * 2] = value("gate bias", e, 0, i);
        gateUpBias[(e * intermediate + i) * 2 + 1] = value("up bias", e, 0, i);
      }
      for (int i = 0; i < block.hidden(); i++) {
        downBias[e * block.hidden() + i] = value("down bias", e, 0, i);
      }
    }
    return block
        .router(BLOCK + "router")
        .put(BlockTensors.vector(BLOCK + "router.bias", "router bias", 0, experts))
        .putAll(block.interleaved(GATE_UP, DOWN))
        .put(HeapTensors.bf16(GATE_UP + "_bias", Shape.of(experts, 2L * intermediate), gateUpBias))
        .put(HeapTensors.bf16(DOWN + "_bias", Shape.of(experts, block.hidden()), downBias));
  }

  private void assertRefused(BlockTensors block, TensorSet tensors, String... says) {
    try (Checkpoint checkpoint = open(block, tensors)) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(0))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(directory.resolve("model.safetensors").toString())
          .hasMessageContainingAll(says);
    }
  }

  private static FamilyConfig config(BlockTensors block) {
    return FamilyConfig.of("gpt_oss")
        .with("hidden_size", block.hidden())
        .with("intermediate_size", block.intermediate())
        .with("num_local_experts", block.experts());
  }

  private Checkpoint open(BlockTensors block, TensorSet tensors) {
    return ModelDirectory.open(directory, config(block).json(), tensors.tensors());
  }
}
