package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.tensor.DType;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// compressed-tensors' `transform_config`.
class OnlineTransformsTest {
  private static final String MODULE = "model.layers.0.mlp.experts.0.down_proj";
  private static final Int4Values VALUES = Int4Values.symmetric(93, 8, 64, 32);

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "input, Linear",
    "output, Linear",
    "input, re:.*down_proj$",
    "output, model.layers.0.mlp.experts.0.down_proj",
    "somewhere, Linear"
  })
  void refusesTransformsOfALayersActivations(String location, String target) {
    try (Checkpoint checkpoint = open(apply(location, target, ""))) {
      assertThatThrownBy(() -> checkpoint.linear(MODULE, 8, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(
              "config.json",
              "transform_config \"R4\"",
              location,
              "\"" + MODULE + "\"",
              "not supported");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "weight_input, Linear, ''",
    "weight_output, Linear, ''",
    "k_cache, Linear, ''",
    "q_attn, re:.*, ''",
    "input, re:.*self_attn.*, ''",
    "input, re:.*up_proj$, ''",
    "input, Linear, re:.*experts.*",
    "output, Linear, Linear"
  })
  void readsLayersWhoseActivationsStayAsTheyAre(String location, String target, String ignored) {
    try (Checkpoint checkpoint = open(apply(location, target, ignored))) {
      VALUES.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  @Test
  void oneOfSeveralPlacesIsEnough() {
    String both =
        apply("weight_input", "Linear", "")
            .replace("\"apply\": [", "\"apply\": [" + place("input", "Linear", "") + ", ");
    try (Checkpoint checkpoint = open(both)) {
      assertThatThrownBy(() -> checkpoint.linear(MODULE, 8, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("at the input");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "null",
        "{}",
        "{\"config_groups\": {}}",
        "{\"config_groups\": null}",
        "{\"config_groups\": {\"u\": {\"type\": \"hadamard\", \"apply\": []}}}",
        "{\"config_groups\": {\"u\": {\"type\": \"hadamard\"}}}"
      })
  void readsLayersWithoutAnyTransform(String transforms) {
    try (Checkpoint checkpoint = open(transforms)) {
      VALUES.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  private static String apply(String location, String target, String ignored) {
    return String.format(
        Locale.ROOT,
        "{\"config_groups\": {\"R4\": {\"type\": \"hadamard\", \"apply\": [%s]}}}",
        place(location, target, ignored));
  }

  private static String place(String location, String target, String ignored) {
    return String.format(
        Locale.ROOT,
        "{\"targets\": [\"%s\"], \"location\": \"%s\", \"inverse\": false, \"ignore\": [%s]}",
        target,
        location,
        ignored.isEmpty() ? "" : "\"" + ignored + "\"");
  }

  private Checkpoint open(String transforms) {
    String config =
        String.format(
            Locale.ROOT,
            """
            {"quantization_config": {"quant_method": "compressed-tensors", "format": "pack-quantized",
              "config_groups": {"g": {"targets": ["Linear"], "weights":
                {"num_bits": 4, "group_size": 32}}}, "transform_config": %s}}
            """,
            transforms);
    return ModelDirectory.open(
        directory,
        config,
        CompressedTensorsPacking.symmetric(MODULE, VALUES, DType.BF16).tensors());
  }
}
