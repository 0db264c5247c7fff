package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CompressedTensorsTest {
  private static final String MODULE = "model.layers.0.mlp.experts.0.gate_proj";

  @TempDir Path directory;

  @ParameterizedTest(name = "[{0}, {1}] in groups of {2}, {3} scales, seed 41")
  @CsvSource({
    "8, 64, 32, BF16",
    "16, 256, 64, F16",
    "8, 256, 128, F32",
    "5, 36, 32, BF16", // a ragged last group
    "3, 100, 32, F16", // and columns that end inside a word
    "4, 20, 32, BF16", // less than one group
    "1, 8, 8, F16"
  })
  void decodesSymmetricGroups(int rows, int columns, int group, DType scales) {
    Int4Values values = Int4Values.symmetric(41, rows, columns, group);
    TensorSet tensors = CompressedTensorsPacking.symmetric(MODULE, values, scales);
    try (Checkpoint checkpoint = open(weights("group", group, true), tensors)) {
      Weight weight = checkpoint.linear(MODULE, rows, columns);
      assertThat(weight.format()).isEqualTo(WeightFormat.int4(scales, group, false, false));
      values.assertDecodedBy(weight);
    }
  }

  @ParameterizedTest(name = "[{0}, {1}] in groups of {2}, {3} scales, seed 42")
  @CsvSource({
    "8, 64, 32, BF16",
    "24, 256, 128, F16",
    "13, 64, 64, F32", // rows that end inside a word of zero points
    "9, 100, 32, BF16"
  })
  void decodesAsymmetricGroups(int rows, int columns, int group, DType scales) {
    Int4Values values = Int4Values.asymmetric(42, rows, columns, group);
    TensorSet tensors = CompressedTensorsPacking.asymmetric(MODULE, values, scales);
    try (Checkpoint checkpoint = open(weights("group", group, false), tensors)) {
      Weight weight = checkpoint.linear(MODULE, rows, columns);
      assertThat(weight.format()).isEqualTo(WeightFormat.int4(scales, group, true, false));
      values.assertDecodedBy(weight);
    }
  }

  /// As exports before April 2025 have them.
  @ParameterizedTest(name = "[{0}, {1}] in groups of {2}, seed 53")
  @CsvSource({"8, 64, 32", "13, 64, 64", "9, 100, 32", "3, 20, -1"})
  void decodesPlainZeroPoints(int rows, int columns, int group) {
    Int4Values values = Int4Values.asymmetric(53, rows, columns, group < 0 ? columns : group);
    byte[] zeros = new byte[rows * values.groups()];
    for (int i = 0; i < zeros.length; i++) {
      zeros[i] = (byte) (values.zero()[i / values.groups()][i % values.groups()] - 8);
    }
    TensorSet tensors =
        CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16)
            .put(
                HeapTensors.of(
                    MODULE + ".weight_zero_point",
                    DType.I8,
                    Shape.of(rows, values.groups()),
                    zeros));
    String strategy = group < 0 ? "channel" : "group";
    try (Checkpoint checkpoint = open(weights(strategy, group, false), tensors);
        CountingArena arena = new CountingArena()) {
      Weight weight = checkpoint.linear(MODULE, rows, columns);
      values.assertDecodedBy(weight);
      assertThat(weight.load(arena).columns()).isEqualTo(columns);
      assertThat(arena.bytes()).isLessThanOrEqualTo(weight.bytesToLoad());
    }
  }

  @ParameterizedTest(name = "[{0}, {1}], symmetric {2}, seed 43")
  @CsvSource({"8, 64, true", "8, 64, false", "3, 20, true", "11, 44, false"})
  void decodesOneScalePerRow(int rows, int columns, boolean symmetric) {
    Int4Values values =
        symmetric
            ? Int4Values.symmetric(43, rows, columns, columns)
            : Int4Values.asymmetric(43, rows, columns, columns);
    TensorSet tensors =
        symmetric
            ? CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16)
            : CompressedTensorsPacking.asymmetric(MODULE, values, DType.BF16);
    try (Checkpoint checkpoint = open(weights("channel", null, symmetric), tensors)) {
      values.assertDecodedBy(checkpoint.linear(MODULE, rows, columns));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"num_bits\": 4, \"group_size\": 32}", // strategy follows from it
        "{\"num_bits\": 4, \"strategy\": null, \"group_size\": 32, \"symmetric\": null}",
        "{\"num_bits\": 4, \"type\": \"int\", \"strategy\": \"group\", \"group_size\": 32,"
            + " \"symmetric\": true, \"actorder\": \"static\", \"observer\": \"mse\"}"
      })
  void fillsInTheFormatsDefaults(String weights) {
    Int4Values values = Int4Values.symmetric(44, 4, 64, 32);
    TensorSet tensors = CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16);
    try (Checkpoint checkpoint = open(weights, tensors)) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 4, 64));
    }
  }

  @Test
  void aGroupSizeOfMinusOneMeansTheRow() {
    Int4Values values = Int4Values.symmetric(45, 4, 64, 64);
    TensorSet tensors = CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16);
    try (Checkpoint checkpoint = open("{\"num_bits\": 4, \"group_size\": -1}", tensors)) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 4, 64));
    }
  }

  @Test
  void usesTheFilesOwnWordsAndScales() {
    Int4Values values = Int4Values.symmetric(46, 4, 64, 32);
    TensorSet tensors = CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16);
    try (Checkpoint checkpoint = open(weights("group", 32, true), tensors);
        CountingArena arena = new CountingArena()) {
      Weight weight = checkpoint.linear(MODULE, 4, 64);
      assertThat(weight.bytesToLoad()).isZero();
      assertThat(weight.load(arena).rows()).isEqualTo(4);
      assertThat(arena.bytes()).isZero();
    }
  }

  @Test
  void paddingOfTheLastWordDoesNotMatter() {
    Int4Values values = Int4Values.symmetric(47, 2, 12, 12);
    TensorSet tensors = CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16);
    for (int row = 0; row < 2; row++) {
      long padding = (row * 2 + 1) * 4L + 2; // the upper half of each row's second word
      tensors
          .get(MODULE + ".weight_packed")
          .data()
          .set(ValueLayout.JAVA_SHORT_UNALIGNED, padding, (short) 0xABCD);
    }
    try (Checkpoint checkpoint = open(weights("channel", null, true), tensors)) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 2, 12));
    }
  }

  @Test
  void doesWithoutAWeightShape() {
    Int4Values values = Int4Values.symmetric(48, 4, 64, 32);
    TensorSet tensors = CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16);
    try (Checkpoint checkpoint =
        open(weights("group", 32, true), tensors.remove(MODULE + ".weight_shape"))) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 4, 64));
    }
  }

  @Test
  void readsAWeightShapeOfShortIntegers() {
    Int4Values values = Int4Values.symmetric(49, 4, 64, 32);
    TensorSet tensors = CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16);
    tensors.put(HeapTensors.i32(MODULE + ".weight_shape", Shape.of(2), 4, 64));
    try (Checkpoint checkpoint = open(weights("group", 32, true), tensors)) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 4, 64));
    }
  }

  @Test
  void symmetricWeightsHaveNoUseForStoredZeroPoints() {
    Int4Values values = Int4Values.symmetric(50, 8, 64, 32);
    TensorSet tensors =
        CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16)
            .put(HeapTensors.i32(MODULE + ".weight_zero_point", Shape.of(1, 2), 7, 7));
    try (Checkpoint checkpoint = open(weights("group", 32, true), tensors)) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  @Test
  void zeroPointsThatAreAllEightAreDropped() {
    Int4Values values = Int4Values.symmetric(51, 8, 64, 32);
    TensorSet tensors = CompressedTensorsPacking.asymmetric(MODULE, values, DType.BF16);
    try (Checkpoint checkpoint = open(weights("group", 32, false), tensors);
        CountingArena arena = new CountingArena()) {
      Weight weight = checkpoint.linear(MODULE, 8, 64);
      values.assertDecodedBy(weight);
      assertThat(weight.load(arena).format())
          .isEqualTo(WeightFormat.int4(DType.BF16, 32, false, false));
    }
  }

  @Test
  void readsTheConfigUnderItsOldName() {
    Int4Values values = Int4Values.symmetric(52, 4, 64, 32);
    TensorSet tensors = CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16);
    String config =
        """
        {"compression_config": {"format": "pack-quantized", "config_groups": {"group_0":
          {"targets": ["Linear"], "weights": {"num_bits": 4, "group_size": 32}}}}}
        """;
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors.tensors())) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 4, 64));
    }
  }

  private static String weights(String strategy, @Nullable Integer groupSize, boolean symmetric) {
    return String.format(
        Locale.ROOT,
        "{\"num_bits\": 4, \"type\": \"int\", \"strategy\": \"%s\", \"group_size\": %s,"
            + " \"symmetric\": %s}",
        strategy,
        groupSize,
        symmetric);
  }

  private Checkpoint open(String weights, TensorSet tensors) {
    String config =
        String.format(
            Locale.ROOT,
            """
            {"quantization_config": {"quant_method": "compressed-tensors", "format": "pack-quantized",
              "quantization_status": "compressed", "ignore": ["lm_head"], "config_groups": {"group_0":
              {"targets": ["Linear"], "weights": %s, "input_activations": null}}}}
            """,
            weights);
    return ModelDirectory.open(directory, config, tensors.tensors());
  }
}
