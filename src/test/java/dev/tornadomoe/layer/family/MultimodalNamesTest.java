package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static dev.tornadomoe.layer.family.FamilyConfig.SHARED;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Families whose language model may be part of a multimodal one: the prefix and the config vary
/// independently, since loading and saving the text model alone keeps the prefix.
class MultimodalNamesTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);

  @TempDir Path directory;

  @ParameterizedTest(name = "{0}layers, wrapped {1}, fused {2}")
  @CsvSource({
    "model.language_model., true, true", // the release
    "model.language_model., true, false",
    "model.language_model., false, true",
    "model., false, true",
    "model., false, false",
    "language_model.model., true, true",
    "language_model., true, true"
  })
  void qwen35(String prefix, boolean wrapped, boolean fused) {
    String block = prefix + "layers.1.mlp.";
    TensorSet tensors =
        (fused ? BLOCK.fused(block) : BLOCK.perExpert(block))
            .putAll(BLOCK.router(block + "gate"))
            .putAll(BLOCK.shared(block + "shared_expert", SHARED))
            .putAll(BLOCK.sharedGate(block + "shared_expert_gate"))
            // Multi-token prediction has its own blocks, which are not the model's layers.
            .putAll(new BlockTensors(HIDDEN, INTERMEDIATE, 2).fused("mtp.layers.1.mlp."))
            .putAll(new BlockTensors(HIDDEN, INTERMEDIATE, 2).router("mtp.layers.1.mlp.gate"));
    FamilyConfig config = FamilyConfig.of("qwen3_5_moe_text");
    assertReads(wrapped ? config.insideOf("qwen3_5_moe") : config.json(), tensors, SHARED, true);
  }

  @ParameterizedTest(name = "{0}layers, wrapped {1}, fused {2}")
  @CsvSource({
    "language_model.model., true, true", // the release
    "language_model.model., true, false", // what llm-compressor makes of it
    "language_model.model., false, true",
    "model., false, true",
    "model.language_model., true, true"
  })
  void llama4(String prefix, boolean wrapped, boolean fused) {
    String block = prefix + "layers.1.feed_forward.";
    TensorSet tensors =
        (fused
                ? BLOCK.transposed(block + "experts.gate_up_proj", block + "experts.down_proj")
                : BLOCK.perExpert(block))
            .putAll(BLOCK.router(block + "router"))
            .putAll(BLOCK.shared(block + "shared_expert", INTERMEDIATE));
    FamilyConfig config = FamilyConfig.of("llama4_text");
    assertReads(wrapped ? config.insideOf("llama4") : config.json(), tensors, INTERMEDIATE, false);
  }

  private void assertReads(String config, TensorSet tensors, int shared, boolean sharedGate) {
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors.tensors())) {
      BLOCK.assertLayer(MoeModel.of(checkpoint).layer(1), shared, sharedGate);
    }
  }
}
