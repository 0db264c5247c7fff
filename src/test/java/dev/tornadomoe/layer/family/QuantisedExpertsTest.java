package dev.tornadomoe.layer.family;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.AwqPacking;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.CompressedTensorsPacking;
import dev.tornadomoe.checkpoint.GptqPacking;
import dev.tornadomoe.checkpoint.Int4Values;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.TensorSet;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.tensor.DType;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// 4-bit experts under the names that real exports give them.
class QuantisedExpertsTest {
  private static final int H = 32;
  private static final int I = 16;
  private static final int E = 8;
  private static final int GROUP = 16;
  private static final String MLP = "model.layers.0.mlp.";
  private static final BlockTensors BLOCK = new BlockTensors(H, I, E);
  private static final String AWQ =
      "{\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 16, \"version\": \"gemm\"}";
  private static final String GPTQ =
      "{\"quant_method\": \"gptq\", \"bits\": 4, \"group_size\": 16, \"sym\": false}";

  @TempDir Path directory;

  private interface Packing {
    TensorSet pack(String module, Int4Values values);
  }

  @ParameterizedTest
  @CsvSource({
    "block_sparse_moe, w1, w3, w2",
    "mlp, gate_proj, up_proj, down_proj",
    "block_sparse_moe, gate_proj, up_proj, down_proj"
  })
  void mixtralByAwq(String block, String gate, String up, String down) {
    String prefix = "model.layers.0." + block + ".";
    TensorSet tensors =
        BLOCK
            .router(prefix + "gate")
            .putAll(packed(prefix + "experts.", gate, up, down, AwqPacking::pack));
    try (Checkpoint checkpoint = open("mixtral", AWQ, tensors)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      BLOCK.assertRouter(layer);
      assertExperts(layer);
    }
  }

  /// AutoAWQ's class for this model leaves the choice to the user.
  @Test
  void qwenByAwqWithItsRouterQuantised() {
    Int4Values router = Int4Values.asymmetric(seed("router", 0), E, H, GROUP);
    TensorSet tensors =
        AwqPacking.pack(MLP + "gate", router)
            .putAll(
                packed(MLP + "experts.", "gate_proj", "up_proj", "down_proj", AwqPacking::pack));
    try (Checkpoint checkpoint = open("qwen3_moe", AWQ, tensors)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      router.assertDecodedBy(Objects.requireNonNull(layer.router()).weight());
      assertExperts(layer);
    }
  }

  /// Files of AutoGPTQ's time have biases that the model lacks.
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void qwenByGptqWithBiases(boolean biased) {
    TensorSet tensors =
        BLOCK
            .router(MLP + "gate")
            .putAll(
                packed(
                    MLP + "experts.",
                    "gate_proj",
                    "up_proj",
                    "down_proj",
                    (module, values) -> GptqPacking.v1(module, values, DType.F16)));
    for (int e = 0; biased && e < E; e++) {
      String expert = MLP + "experts." + e + ".";
      tensors.put(BlockTensors.vector(expert + "gate_proj.bias", "gate bias", e, I));
      tensors.put(BlockTensors.vector(expert + "up_proj.bias", "up bias", e, I));
      tensors.put(BlockTensors.vector(expert + "down_proj.bias", "down bias", e, H));
    }
    try (Checkpoint checkpoint = open("qwen3_moe", GPTQ, tensors)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      BLOCK.assertRouter(layer);
      assertExperts(layer);
      for (int e = 0; e < E; e++) {
        Mlp expert = layer.experts().local().get(e);
        if (biased) {
          BlockTensors.assertBias(expert.gateBias(), "gate bias", e, I);
          BlockTensors.assertBias(expert.upBias(), "up bias", e, I);
          BlockTensors.assertBias(expert.downBias(), "down bias", e, H);
        } else {
          assertThat(expert.gateBias()).isNull();
          assertThat(expert.upBias()).isNull();
          assertThat(expert.downBias()).isNull();
        }
      }
    }
  }

  /// llm-compressor transposes Llama 4's experts back and writes them one by one.
  @Test
  void llama4ByCompressedTensors() {
    String block = "language_model.model.layers.0.feed_forward.";
    TensorSet tensors =
        BLOCK
            .router(block + "router")
            .putAll(
                packed(
                    block + "experts.",
                    "gate_proj",
                    "up_proj",
                    "down_proj",
                    QuantisedExpertsTest::compressed))
            .putAll(BLOCK.shared(block + "shared_expert", I));
    String ignore = "\"re:.*router\", \"re:.*shared_expert.*\", \"lm_head\"";
    String config =
        sized("llama4_text")
            .insideOf("llama4", "\"quantization_config\": " + compressedConfig(ignore));
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors.tensors())) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      BLOCK.assertRouter(layer);
      assertExperts(layer);
      BLOCK.assertShared(layer.shared(), I, false);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void sharedExpertsMayBeQuantisedOrNot(boolean quantised) {
    TensorSet tensors =
        BLOCK
            .router(MLP + "gate")
            .put(BlockTensors.vector(MLP + "gate.e_score_correction_bias", "correction", 0, E))
            .putAll(
                packed(
                    MLP + "experts.",
                    "gate_proj",
                    "up_proj",
                    "down_proj",
                    QuantisedExpertsTest::compressed));
    String shared = MLP + "shared_experts";
    if (quantised) {
      tensors
          .putAll(compressed(shared + ".gate_proj", values("shared gate", 0, I, H)))
          .putAll(compressed(shared + ".up_proj", values("shared up", 0, I, H)))
          .putAll(compressed(shared + ".down_proj", values("shared down", 0, H, I)));
    } else {
      tensors.putAll(BLOCK.shared(shared, I));
    }
    String ignore = "\"re:.*mlp.gate$\"" + (quantised ? "" : ", \"re:.*shared_experts.*\"");
    try (Checkpoint checkpoint = open("deepseek_v3", compressedConfig(ignore), tensors)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      assertExperts(layer);
      SharedExperts found = Objects.requireNonNull(layer.shared());
      if (quantised) {
        assertMlp(found.mlp(), "shared ", 0);
      } else {
        BLOCK.assertShared(found, I, false);
      }
    }
  }

  private static TensorSet packed(
      String experts, String gate, String up, String down, Packing packing) {
    TensorSet tensors = new TensorSet();
    for (int e = 0; e < E; e++) {
      String expert = experts + e + ".";
      tensors
          .putAll(packing.pack(expert + gate, values("gate", e, I, H)))
          .putAll(packing.pack(expert + up, values("up", e, I, H)))
          .putAll(packing.pack(expert + down, values("down", e, H, I)));
    }
    return tensors;
  }

  private static Int4Values values(String what, int expert, int rows, int columns) {
    return Int4Values.asymmetric(seed(what, expert), rows, columns, GROUP);
  }

  private static long seed(String what, int expert) {
    return what.hashCode() * 31L + expert;
  }

  private static TensorSet compressed(String module, Int4Values values) {
    return CompressedTensorsPacking.asymmetric(module, values, DType.BF16);
  }

  private static String compressedConfig(String ignore) {
    return """
    {"quant_method": "compressed-tensors", "format": "pack-quantized", "ignore": [%s],
      "config_groups": {"group_0": {"targets": ["Linear"], "weights":
        {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 16, "symmetric": false}}}}
    """
        .formatted(ignore);
  }

  private static void assertExperts(MoeLayer layer) {
    assertThat(layer.experts().local()).hasSize(E);
    for (int e = 0; e < E; e++) {
      assertMlp(layer.experts().local().get(e), "", e);
    }
  }

  private static void assertMlp(Mlp mlp, String prefix, int expert) {
    values(prefix + "gate", expert, I, H).assertDecodedBy(Objects.requireNonNull(mlp.gate()));
    values(prefix + "up", expert, I, H).assertDecodedBy(mlp.up());
    values(prefix + "down", expert, H, I).assertDecodedBy(mlp.down());
  }

  private static FamilyConfig sized(String family) {
    FamilyConfig config = FamilyConfig.of(family).with("hidden_size", H);
    return switch (family) {
      case "qwen3_moe" -> config.with("moe_intermediate_size", I).with("num_experts", E);
      case "deepseek_v3" -> config.with("moe_intermediate_size", I).with("n_routed_experts", E);
      default -> config.with("intermediate_size", I).with("num_local_experts", E);
    };
  }

  private Checkpoint open(String family, String quantisation, TensorSet tensors) {
    String config = sized(family).withJson("quantization_config", quantisation).json();
    return ModelDirectory.open(directory, config, tensors.tensors());
  }
}
