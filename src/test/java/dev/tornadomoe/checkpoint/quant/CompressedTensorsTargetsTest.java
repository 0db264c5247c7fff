package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Which group's scheme a layer has, by the rules of compressed-tensors' match.py.
class CompressedTensorsTargetsTest {
  private static final String MODULE = "model.layers.0.mlp.experts.0.gate_proj";

  @TempDir Path directory;

  /// Each group names its targets; the first has groups of 32 columns, the second of 64.
  @ParameterizedTest(name = "32: {0}, 64: {1} -> {2}")
  @CsvSource({
    "Linear, Embedding, 32",
    "Embedding, Linear, 64",
    // A name wins over a pattern, and a pattern over a class, wherever they stand.
    "model.layers.0.mlp.experts.0.gate_proj, re:.*, 32",
    "re:.*, model.layers.0.mlp.experts.0.gate_proj, 64",
    "Linear, re:.*gate_proj, 64",
    "re:.*gate_proj, Linear, 32",
    "Linear, model.layers.0.mlp.experts.0.gate_proj, 64",
    // A pattern must match from the start of the name, not to its end.
    "re:model, Linear, 32",
    "re:mlp, Linear, 64",
    "re:.*mlp, Linear, 32",
    "re:^model\\.layers\\.\\d+\\.mlp\\.experts\\.\\d+\\.(gate|up)_proj$, Linear, 32",
    "re:.*gate$, Linear, 64",
    // A name must be the whole one.
    "gate_proj, Linear, 64",
    "model.layers.0.mlp.experts.0, Linear, 64",
    "model.layers.0.mlp.experts.0.gate_proj.weight, Linear, 64",
    "linear, Linear, 64",
    // Of two patterns the alphabetically first wins, whichever group comes first.
    "re:.*experts.*, re:.*gate_proj, 32",
    "re:.*gate_proj, re:.*experts.*, 64",
    // The same target twice belongs to the later group.
    "Linear, Linear, 64",
    "re:.*, re:.*, 64"
  })
  void theMostSpecificTargetWins(String first, String second, int groupSize) {
    Int4Values values = Int4Values.symmetric(61, 4, 128, groupSize);
    TensorSet tensors = CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16);
    String groups =
        String.format(
            Locale.ROOT, "\"group_0\": %s, \"group_1\": %s", group(first, 32), group(second, 64));
    try (Checkpoint checkpoint = open(groups, "", tensors)) {
      Weight weight = checkpoint.linear(MODULE, 4, 128);
      assertThat(weight.format()).isEqualTo(WeightFormat.int4(DType.BF16, groupSize, false, false));
      values.assertDecodedBy(weight);
    }
  }

  @ParameterizedTest
  @CsvSource({"W4A16, false", "w4a16, false", "W4A16_ASYM, true", "w4a16_asym, true"})
  void knowsPresets(String preset, boolean asymmetric) {
    Int4Values values =
        asymmetric ? Int4Values.asymmetric(62, 8, 256, 128) : Int4Values.symmetric(62, 8, 256, 128);
    TensorSet tensors = CompressedTensorsPacking.asymmetric(MODULE, values, DType.F16);
    try (Checkpoint checkpoint =
        open(String.format(Locale.ROOT, "\"%s\": [\"Linear\"]", preset), "", tensors)) {
      Weight weight = checkpoint.linear(MODULE, 8, 256);
      assertThat(weight.format()).isEqualTo(WeightFormat.int4(DType.F16, 128, asymmetric, false));
      values.assertDecodedBy(weight);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"model.layers.0.mlp.experts.0.gate_proj", "re:.*gate_proj", "re:model", "Linear"})
  void readsIgnoredLayersUnquantised(String ignored) {
    try (Checkpoint checkpoint =
        open("\"g\": " + group("Linear", 32), "\"lm_head\", \"" + ignored + "\"", dense())) {
      assertThat(checkpoint.linear(MODULE, 2, 2).format())
          .isEqualTo(WeightFormat.dense(DType.BF16));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"lm_head", "gate_proj", "re:gate_proj", "re:.*gate$"})
  void aLayerThatOnlyLooksIgnoredIsQuantised(String ignored) {
    Int4Values values = Int4Values.symmetric(63, 4, 64, 32);
    TensorSet tensors = CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16);
    try (Checkpoint checkpoint =
        open("\"g\": " + group("Linear", 32), "\"" + ignored + "\"", tensors)) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 4, 64));
    }
  }

  @Test
  void readsLayersThatNoGroupTargetsUnquantised() {
    try (Checkpoint checkpoint = open("\"g\": " + group("re:.*attn.*", 32), "", dense())) {
      assertThat(checkpoint.linear(MODULE, 2, 2).format())
          .isEqualTo(WeightFormat.dense(DType.BF16));
    }
  }

  @Test
  void readsLayersOfAGroupWithoutWeightsUnquantised() {
    try (Checkpoint checkpoint =
        open("\"g\": {\"targets\": [\"Linear\"], \"weights\": null}", "", dense())) {
      assertThat(checkpoint.linear(MODULE, 2, 2).format())
          .isEqualTo(WeightFormat.dense(DType.BF16));
    }
  }

  @Test
  void readsTargetedLayersThatTheExporterLeftUnquantised() {
    try (Checkpoint checkpoint = open("\"g\": " + group("Linear", 32), "", dense())) {
      assertThat(checkpoint.linear(MODULE, 2, 2).format())
          .isEqualTo(WeightFormat.dense(DType.BF16));
    }
  }

  @Test
  void refusesAPackedLayerThatIsIgnored() {
    TensorSet tensors = packed();
    try (Checkpoint checkpoint =
        open("\"g\": " + group("Linear", 32), "\"re:.*gate_proj\"", tensors)) {
      assertThatThrownBy(() -> checkpoint.linear(MODULE, 4, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("config.json", "\"" + MODULE + "\"", "ignore", ".weight_packed")
          .hasMessageContaining(directory.resolve("model.safetensors").toString());
    }
  }

  @Test
  void refusesAPackedLayerThatNoGroupTargets() {
    try (Checkpoint checkpoint = open("\"g\": " + group("re:.*attn.*", 32), "", packed())) {
      assertThatThrownBy(() -> checkpoint.linear(MODULE, 4, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(
              "config.json", "\"" + MODULE + "\"", "no group", ".weight_packed")
          .hasMessageContaining(directory.resolve("model.safetensors").toString());
    }
  }

  /// Java would try them for hours.
  @ParameterizedTest
  @ValueSource(strings = {"re:(.*.*)*.*.*.*.*.*.*.*!", "re:.*.*.*.*.*.*!", "re:(.*.*.*)*(a|.*)*!"})
  void refusesPatternsWithTooManyWaysToMatch(String pattern) {
    String expected = "pattern \"" + pattern + "\"";
    try (Checkpoint checkpoint = open("\"g\": " + group(pattern, 32), "", packed())) {
      assertThatThrownBy(() -> checkpoint.linear(MODULE, 4, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("config.json", expected, "too long", "\"" + MODULE + "\"");
    }
    String ignored = "\"" + pattern + "\"";
    try (Checkpoint checkpoint = open("\"g\": " + group("Linear", 32), ignored, packed())) {
      assertThatThrownBy(() -> checkpoint.linear(MODULE, 4, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("config.json", expected, "too long");
    }
  }

  /// As many as a sensible pattern has, and then some.
  @Test
  void patternsMayBacktrack() {
    try (Checkpoint checkpoint =
        open("\"g\": " + group("Linear", 32), "\"re:.*.*.*mlp.*.*gate$\"", packed())) {
      assertThat(checkpoint.linear(MODULE, 4, 64).rows()).isEqualTo(4);
    }
  }

  private static TensorSet packed() {
    return CompressedTensorsPacking.symmetric(
        MODULE, Int4Values.symmetric(64, 4, 64, 32), DType.BF16);
  }

  private static TensorSet dense() {
    return TensorSet.of(HeapTensors.bf16(MODULE + ".weight", Shape.of(2, 2), 1, 2, 3, 4));
  }

  private static String group(String target, int groupSize) {
    return String.format(
        Locale.ROOT,
        "{\"targets\": [\"%s\"], \"weights\": {\"num_bits\": 4, \"group_size\": %d}}",
        target.replace("\\", "\\\\"),
        groupSize);
  }

  private Checkpoint open(String groups, String ignore, TensorSet tensors) {
    String config =
        String.format(
            Locale.ROOT,
            """
            {"quantization_config": {"quant_method": "compressed-tensors", "format": "pack-quantized",
              "config_groups": {%s}, "ignore": [%s]}}
            """,
            groups,
            ignore);
    return ModelDirectory.open(directory, config, tensors.tensors());
  }
}
