package dev.tornadomoe.checkpoint;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.quant.CompressedTensorsPacking;
import dev.tornadomoe.checkpoint.quant.GptqPacking;
import dev.tornadomoe.checkpoint.quant.Int4Values;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Which method a config means.
class QuantizationMethodTest {
  private static final String MODULE = "m.up_proj";
  private static final Int4Values VALUES = Int4Values.symmetric(94, 8, 64, 32);
  private static final String GROUPS =
      "\"format\": \"pack-quantized\", \"config_groups\": {\"g\": {\"targets\": [\"Linear\"],"
          + " \"weights\": {\"num_bits\": 4, \"group_size\": 32}}}";

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"quantization_config\": {%s}, \"sparsity_config\": {}",
        "\"quant_method\": \"compressed-tensors\", \"quantization_config\": {%s}",
        "\"quantization_config\": {\"quant_method\": \"compressed-tensors\", %s}"
      })
  void unwrapsANestedConfig(String nested) {
    try (Checkpoint checkpoint = open(String.format(Locale.ROOT, nested, GROUPS))) {
      VALUES.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  @Test
  void unwrapsAnotherMethodsConfig() {
    String nested =
        "\"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 4, \"group_size\": 32}";
    TensorSet tensors = GptqPacking.v1(MODULE, VALUES, DType.F16);
    try (Checkpoint checkpoint =
        ModelDirectory.open(
            directory, "{\"quantization_config\": {" + nested + "}}", tensors.tensors())) {
      VALUES.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  @Test
  void groupsMeanCompressedTensors() {
    try (Checkpoint checkpoint = open(GROUPS)) {
      VALUES.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"bits\": 4, \"group_size\": 32",
        "\"quant_method\": null, \"config_groups\": null",
        "\"quantization_config\": {\"bits\": 4}"
      })
  void refusesAConfigThatNamesNoMethod(String fields) {
    try (Checkpoint checkpoint = open(fields)) {
      assertThatThrownBy(() -> checkpoint.linear(MODULE, 8, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(
              directory.resolve("config.json").toString(), "no \"quant_method\"");
    }
  }

  @ParameterizedTest
  @CsvSource({"qweight, {}", "weight_packed, {}", "qweight, {\"quantization_config\": null}"})
  void saysThatTheConfigOfAQuantisedLayerIsMissing(String part, String config) {
    TensorSet tensors =
        part.equals("qweight")
            ? GptqPacking.v1(MODULE, VALUES, DType.F16)
            : CompressedTensorsPacking.symmetric(MODULE, VALUES, DType.BF16);
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors.tensors())) {
      assertThatThrownBy(() -> checkpoint.linear(MODULE, 8, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(directory.resolve("model.safetensors").toString())
          .hasMessageContainingAll(
              "\"" + MODULE + "." + part + "\"",
              directory.resolve("config.json").toString(),
              "no quantization_config");
    }
  }

  private Checkpoint open(String fields) {
    return ModelDirectory.open(
        directory,
        "{\"quantization_config\": {" + fields + "}}",
        CompressedTensorsPacking.symmetric(MODULE, VALUES, DType.BF16).tensors());
  }
}
