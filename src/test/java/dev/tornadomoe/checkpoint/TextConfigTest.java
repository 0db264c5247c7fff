package dev.tornadomoe.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The config of a multimodal model, whose language model has its own object.
class TextConfigTest {
  @TempDir Path directory;

  @Test
  void itsValuesComeFirst() {
    ModelConfig config =
        config(
            """
            {"model_type": "llama4", "hidden_size": 5, "num_experts": null, "tied": true,
             "text_config": {"model_type": "llama4_text", "hidden_size": 64, "num_experts": 8},
             "vision_config": {"hidden_size": 7}}
            """);
    assertThat(config.modelType()).isEqualTo("llama4_text");
    assertThat(config.positive("hidden_size")).isEqualTo(64);
    assertThat(config.positive("num_experts")).isEqualTo(8);
  }

  @Test
  void valuesThatItLacksAreLookedUpOutside() {
    ModelConfig config =
        config(
            """
            {"model_type": "qwen3_5_moe", "text_config": {"hidden_size": 64, "x": null},
             "x": 3, "quantization_config": {"quant_method": "awq"}}
            """);
    assertThat(config.modelType()).isEqualTo("qwen3_5_moe");
    assertThat(config.countOr(0, "x")).isEqualTo(3);
    assertThat(config.object("quantization_config")).isPresent();
  }

  @Test
  void nullIsAbsent() {
    ModelConfig config = config("{\"text_config\": null, \"hidden_size\": 64}");
    assertThat(config.positive("hidden_size")).isEqualTo(64);
  }

  @Test
  void spellingsContradictEachOtherAcrossBoth() {
    ModelConfig config =
        config("{\"num_experts\": 4, \"text_config\": {\"num_local_experts\": 8}}");
    assertThatThrownBy(() -> config.positive("num_experts", "num_local_experts"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll("\"num_experts\"", "4", "\"num_local_experts\"", "8");
  }

  private ModelConfig config(String json) {
    return ModelDirectory.readConfig(directory, json);
  }
}
