package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.QuantisedBlock.E;
import static dev.tornadomoe.layer.family.QuantisedBlock.H;
import static dev.tornadomoe.layer.family.QuantisedBlock.I;
import static dev.tornadomoe.layer.family.QuantisedBlock.compressedConfig;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.quant.AwqPacking;
import dev.tornadomoe.checkpoint.quant.GptqPacking;
import dev.tornadomoe.checkpoint.quant.Int4Values;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
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
  private static final BlockTensors DENSE = new BlockTensors(H, I, E);
  private static final String MLP = "model.layers.0.mlp.";
  private static final String AWQ =
      "{\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 16, \"version\": \"gemm\"}";
  private static final String GPTQ =
      "{\"quant_method\": \"gptq\", \"bits\": 4, \"group_size\": 16, \"sym\": false}";

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "block_sparse_moe, w1, w3, w2",
    "mlp, gate_proj, up_proj, down_proj",
    "block_sparse_moe, gate_proj, up_proj, down_proj"
  })
  void mixtralByAwq(String module, String gate, String up, String down) {
    String block = "model.layers.0." + module + ".";
    TensorSet tensors =
        QuantisedBlock.experts(block, gate, up, down, AwqPacking::pack)
            .putAll(DENSE.router(block + "gate"));
    try (Checkpoint checkpoint = open("mixtral", AWQ, tensors)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      DENSE.assertRouter(layer);
      QuantisedBlock.assertExperts(layer);
    }
  }

  /// AutoAWQ's class for this model leaves the choice to the user.
  @Test
  void qwenByAwqWithItsRouterQuantised() {
    Int4Values router = QuantisedBlock.values("router", 0, E, H);
    TensorSet tensors =
        QuantisedBlock.experts(MLP, AwqPacking::pack).putAll(AwqPacking.pack(MLP + "gate", router));
    try (Checkpoint checkpoint = open("qwen3_moe", AWQ, tensors)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      router.assertDecodedBy(Objects.requireNonNull(layer.router()).weight());
      QuantisedBlock.assertExperts(layer);
    }
  }

  /// Files of AutoGPTQ's time have biases that the model lacks.
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void qwenByGptqWithBiases(boolean biased) {
    TensorSet tensors =
        QuantisedBlock.experts(MLP, (module, values) -> GptqPacking.v1(module, values, DType.F16))
            .putAll(DENSE.router(MLP + "gate"));
    for (int e = 0; biased && e < E; e++) {
      String expert = MLP + "experts." + e + ".";
      tensors.put(BlockTensors.vector(expert + "gate_proj.bias", "gate bias", e, I));
      tensors.put(BlockTensors.vector(expert + "up_proj.bias", "up bias", e, I));
      tensors.put(BlockTensors.vector(expert + "down_proj.bias", "down bias", e, H));
    }
    try (Checkpoint checkpoint = open("qwen3_moe", GPTQ, tensors)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      DENSE.assertRouter(layer);
      QuantisedBlock.assertExperts(layer);
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
        QuantisedBlock.experts(block, QuantisedBlock::compressed)
            .putAll(DENSE.router(block + "router"))
            .putAll(DENSE.shared(block + "shared_expert", I));
    String ignore = "\"re:.*router\", \"re:.*shared_expert.*\", \"lm_head\"";
    String config =
        QuantisedBlock.config("llama4_text")
            .insideOf("llama4", "\"quantization_config\": " + compressedConfig(ignore));
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors.tensors())) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      DENSE.assertRouter(layer);
      QuantisedBlock.assertExperts(layer);
      DENSE.assertShared(layer.shared(), I, false);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void sharedExpertsMayBeQuantisedOrNot(boolean quantised) {
    String shared = MLP + "shared_experts";
    TensorSet tensors =
        QuantisedBlock.experts(MLP, QuantisedBlock::compressed)
            .putAll(DENSE.router(MLP + "gate"))
            .put(BlockTensors.vector(MLP + "gate.e_score_correction_bias", "correction", 0, E))
            .putAll(
                quantised
                    ? QuantisedBlock.shared(shared, QuantisedBlock::compressed)
                    : DENSE.shared(shared, I));
    String ignore = "\"re:.*mlp.gate$\"" + (quantised ? "" : ", \"re:.*shared_experts.*\"");
    try (Checkpoint checkpoint = open("deepseek_v3", compressedConfig(ignore), tensors)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      QuantisedBlock.assertExperts(layer);
      SharedExperts found = Objects.requireNonNull(layer.shared());
      if (quantised) {
        QuantisedBlock.assertMlp(found.mlp(), "shared ", 0);
      } else {
        DENSE.assertShared(found, I, false);
      }
    }
  }

  private Checkpoint open(String family, String quantisation, TensorSet tensors) {
    String config =
        QuantisedBlock.config(family).withJson("quantization_config", quantisation).json();
    return ModelDirectory.open(directory, config, tensors.tensors());
  }
}
