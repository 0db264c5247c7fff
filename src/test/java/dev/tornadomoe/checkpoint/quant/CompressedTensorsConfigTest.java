package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What a `quantization_config` may not say.
class CompressedTensorsConfigTest {
  private static final String MODULE = "m.gate_proj";
  private static final String G32 = "{\"num_bits\": 4, \"group_size\": 32, \"symmetric\": false}";

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "`{\"num_bits\": 2, \"group_size\": 32}`, 2-bit int",
        "`{\"num_bits\": 3, \"group_size\": 32}`, 3-bit int",
        "`{\"strategy\": \"token\"}`, packed 8-bit weights", // 8 is the format's default
        "`{\"num_bits\": 4, \"type\": \"float\", \"group_size\": 16}`, 4-bit float",
        "`{\"num_bits\": 4, \"strategy\": \"block\"}`, block",
        "`{\"num_bits\": 4, \"strategy\": \"tensor\"}`, tensor",
        "`{\"num_bits\": 4}`, tensor", // the format's default
        "`{\"num_bits\": 4, \"strategy\": \"tensor_group\", \"group_size\": 32}`, tensor_group"
      })
  void namesTheSchemeThatIsNotSupported(String weights, String named) {
    assertRefused(
        CompressedTensorsPacking.config(weights),
        CompressedTensorsPacking.sound(MODULE),
        "config.json",
        named,
        "not supported");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "int-quantized",
        "float-quantized",
        "naive-quantized",
        "nvfp4-pack-quantized",
        "mxfp4-pack-quantized",
        "marlin-24",
        "sparse-24-bitmask",
        "mixed-precision",
        "dense"
      })
  void namesTheFormatThatIsNotSupported(String format) {
    assertRefused(
        CompressedTensorsPacking.config(G32).replace("pack-quantized", format),
        CompressedTensorsPacking.sound(MODULE),
        "config.json",
        "\"" + format + "\"",
        "not supported");
  }

  @Test
  void aGroupsOwnFormatCounts() {
    String weights = "\"format\": \"int-quantized\", \"weights\"";
    assertRefused(
        CompressedTensorsPacking.config(G32).replace("\"weights\"", weights),
        CompressedTensorsPacking.sound(MODULE),
        "\"int-quantized\"");
    String mixed =
        CompressedTensorsPacking.config(G32)
            .replace("pack-quantized", "mixed-precision")
            .replace("\"weights\"", "\"format\": \"pack-quantized\", \"weights\"");
    try (Checkpoint checkpoint =
        ModelDirectory.open(directory, mixed, CompressedTensorsPacking.sound(MODULE).tensors())) {
      assertThat(checkpoint.linear(MODULE, 8, 64).format().isInt4()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"W8A8", "NVFP4", "NO_SUCH"})
  void namesThePresetThatIsNotSupported(String preset) {
    String config =
        String.format(
            Locale.ROOT,
            "{\"quantization_config\": {\"config_groups\": {\"%s\": [\"Linear\"]}}}",
            preset);
    assertRefused(
        config,
        CompressedTensorsPacking.sound(MODULE),
        "config.json",
        "\"" + preset + "\"",
        "not supported");
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "`\"group_size\": 32`, `\"group_size\": 0`, group_size",
        "`\"group_size\": 32`, `\"group_size\": -2`, group_size",
        "`\"group_size\": 32`, `\"group_size\": \"32\"`, group_size",
        "`\"num_bits\": 4`, `\"num_bits\": 4.0`, num_bits",
        "`\"symmetric\": false`, `\"symmetric\": 0`, symmetric",
        "`\"targets\": [\"Linear\"]`, `\"targets\": \"Linear\"`, targets",
        "`\"targets\": [\"Linear\"]`, `\"targets\": [\"re:(\"]`, targets",
        "`\"ignore\": []`, `\"ignore\": [1]`, ignore",
        "`\"ignore\": []`, `\"ignore\": [\"re:[\"]`, ignore",
        "`\"config_groups\": {`, `\"config_groups\": {\"a\": 1, `, config_groups.a",
        "`\"quant_method\": \"compressed-tensors\"`, `\"quant_method\": 1`, quant_method"
      })
  void namesTheFieldThatIsWrong(String sound, String broken, String field) {
    assertThat(CompressedTensorsPacking.config(G32)).contains(sound);
    assertRefused(
        CompressedTensorsPacking.config(G32).replace(sound, broken),
        CompressedTensorsPacking.sound(MODULE),
        "config.json",
        "\"" + field + "\"",
        "must be");
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "`\"compressed-tensors\"`, `quant_method`",
        "`\"pack-quantized\"`, `format`",
        "`32`, `group_size`",
        "`[\"Linear\"]`, `targets`"
      })
  void showsOnlyTheBeginningOfAValue(String replaced, String field) {
    String config =
        CompressedTensorsPacking.config(G32).replace(replaced, "\"" + "x".repeat(3_000_000) + "\"");
    assertThatThrownBy(() ->
            ModelDirectory.open(directory, config, CompressedTensorsPacking.sound(MODULE).tensors())
                .close())
        .isInstanceOf(CheckpointException.class)
        .extracting(Throwable::getMessage, STRING)
        .contains("config.json", "\"" + field + "\"", "x... (3000000 characters)")
        .hasSizeLessThan(directory.toString().length() + 300);
  }

  @ParameterizedTest
  @ValueSource(strings = {"torchao", "bitsandbytes", "quanto", ""})
  void namesTheMethodThatIsNotSupported(String method) {
    assertRefused(
        CompressedTensorsPacking.config(G32)
            .replace("\"compressed-tensors\"", "\"" + method + "\""),
        CompressedTensorsPacking.sound(MODULE),
        "config.json",
        "\"" + method + "\"",
        "supported: compressed-tensors, fp8");
  }

  private void assertRefused(String config, TensorSet tensors, String... says) {
    ModelDirectory.assertLinearRefused(directory, config, tensors, MODULE, 8, 64, says);
  }
}
