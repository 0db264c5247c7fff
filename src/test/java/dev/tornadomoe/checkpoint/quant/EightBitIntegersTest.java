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
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// compressed-tensors' integers of 8 bits, a byte each or four to a word.
class EightBitIntegersTest {
  private static final String MODULE = "m.down_proj";

  @TempDir Path directory;

  private final ByteValues random = ByteValues.seeded(7);

  @ParameterizedTest(name = "{0}, zero points {1}")
  @CsvSource({
    "tensor, false",
    "tensor, true",
    "channel, false",
    "channel, true",
    "group, false",
    "group, true"
  })
  void readsABytePerElement(String strategy, boolean asymmetric) {
    int rows = 6;
    int columns = 21;
    int down = strategy.equals("tensor") ? 1 : rows;
    int across = strategy.equals("group") ? 3 : 1;
    byte[] q = random.bytes(rows * columns);
    byte[] zeros = random.bytes(down * across);
    float[] scales = random.scales(down * across);
    TensorSet tensors =
        TensorSet.of(
            HeapTensors.of(MODULE + ".weight", DType.I8, Shape.of(rows, columns), q),
            HeapTensors.bf16(MODULE + ".weight_scale", Shape.of(down, across), scales));
    if (asymmetric) {
      tensors.put(
          HeapTensors.of(MODULE + ".weight_zero_point", DType.I8, Shape.of(down, across), zeros));
    }
    String weights =
        String.format(
            Locale.ROOT,
            "\"strategy\": \"%s\", \"symmetric\": %s%s",
            strategy,
            !asymmetric,
            strategy.equals("group") ? ", \"group_size\": 8" : "");
    try (Checkpoint checkpoint = open("int-quantized", weights, tensors)) {
      ByteValues.assertDecoded(
          checkpoint.linear(MODULE, rows, columns),
          rows,
          columns,
          (row, column) -> {
            int block = (down == 1 ? 0 : row) * across + (across == 1 ? 0 : column / 8);
            return (q[row * columns + column] - (asymmetric ? zeros[block] : 0)) * scales[block];
          });
    }
  }

  @ParameterizedTest(name = "[{0}, {1}], groups of {2}, zero points {3}")
  @CsvSource({
    "8, 64, 32, none", "8, 64, 32, packed", "8, 64, 32, plain", "7, 45, 16, packed",
    "7, 45, 16, none", "5, 9, 0, packed", "5, 9, 0, plain", "3, 4, 0, none"
  })
  void readsFourElementsToAWord(int rows, int columns, int groupSize, String zeroPoints) {
    Random numbers = new Random(8);
    int groups = groupSize == 0 ? 1 : (columns + groupSize - 1) / groupSize;
    int[][] q = new int[rows][columns];
    int[][] zero = new int[rows][groups];
    int perRow = (columns + 3) / 4;
    int[] words = new int[rows * perRow];
    int[] zeroWords = new int[(rows + 3) / 4 * groups];
    byte[] zeroBytes = new byte[rows * groups];
    float[] scales = random.scales(rows * groups);
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        q[row][column] = numbers.nextInt(256) - 128;
        words[row * perRow + column / 4] |= (q[row][column] + 128) << column % 4 * 8;
      }
      for (int group = 0; group < groups; group++) {
        zero[row][group] = zeroPoints.equals("none") ? 0 : numbers.nextInt(256) - 128;
        zeroWords[row / 4 * groups + group] |= (zero[row][group] + 128) << row % 4 * 8;
        zeroBytes[row * groups + group] = (byte) zero[row][group];
      }
    }
    TensorSet tensors =
        TensorSet.of(
            HeapTensors.i32(MODULE + ".weight_packed", Shape.of(rows, perRow), words),
            HeapTensors.f16(MODULE + ".weight_scale", Shape.of(rows, groups), scales),
            HeapTensors.i64(MODULE + ".weight_shape", Shape.of(2), rows, columns));
    String name = MODULE + ".weight_zero_point";
    if (zeroPoints.equals("packed")) {
      tensors.put(HeapTensors.i32(name, Shape.of((rows + 3) / 4, groups), zeroWords));
    } else if (zeroPoints.equals("plain")) {
      tensors.put(HeapTensors.of(name, DType.I8, Shape.of(rows, groups), zeroBytes));
    }
    String weights =
        groupSize == 0
            ? "\"strategy\": \"channel\""
            : "\"strategy\": \"group\", \"group_size\": " + groupSize;
    weights += ", \"symmetric\": " + zeroPoints.equals("none");
    try (Checkpoint checkpoint = open("pack-quantized", weights, tensors)) {
      Weight weight = checkpoint.linear(MODULE, rows, columns);
      ByteValues.assertDecoded(
          weight,
          rows,
          columns,
          (row, column) -> {
            int group = groupSize == 0 ? 0 : column / groupSize;
            return (q[row][column] - zero[row][group]) * scales[row * groups + group];
          });
      assertThat(weight.bytesToLoad())
          .isEqualTo(zeroPoints.equals("packed") ? (long) rows * groups : 0);
    }
  }

  @Test
  void readsActOrder() {
    byte[] q = random.bytes(2 * 8);
    float[] scales = random.scales(4);
    int[] groupOf = {1, 0, 0, 1, 1, 0, 1, 0};
    TensorSet tensors = bytes(q, scales, groupOf);
    try (Checkpoint checkpoint = open("int-quantized", G4, tensors)) {
      ByteValues.assertDecoded(
          checkpoint.linear(MODULE, 2, 8),
          2,
          8,
          (row, column) -> q[row * 8 + column] * scales[row * 2 + groupOf[column]]);
    }
    TensorSet broken = bytes(q, scales, new int[] {1, 0, 0, 1, 1, 2, 1, 0});
    try (Checkpoint checkpoint = open("int-quantized", G4, broken);
        Arena arena = Arena.ofConfined()) {
      Weight weight = checkpoint.linear(MODULE, 2, 8);
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("weight_g_idx", "column 5 into group 2", "0 to 1");
    }
  }

  private static final String G4 = "\"strategy\": \"group\", \"group_size\": 4";

  private static TensorSet bytes(byte[] q, float[] scales, int... groupOf) {
    return TensorSet.of(
        HeapTensors.of(MODULE + ".weight", DType.I8, Shape.of(2, 8), q),
        HeapTensors.f32(MODULE + ".weight_scale", Shape.of(2, 2), scales),
        HeapTensors.i32(MODULE + ".weight_g_idx", Shape.of(8), groupOf));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.NEGATIVE_INFINITY, -1, 0})
  void refusesAScaleThatCanNotBe(float scale) {
    TensorSet tensors =
        TensorSet.of(
            HeapTensors.of(MODULE + ".weight", DType.I8, Shape.of(2, 3), new byte[6]),
            HeapTensors.f32(MODULE + ".weight_scale", Shape.of(2, 1), 1, scale));
    try (Checkpoint checkpoint = open("int-quantized", "\"strategy\": \"channel\"", tensors);
        Arena arena = Arena.ofConfined()) {
      Weight weight = checkpoint.linear(MODULE, 2, 3);
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("weight_scale", "at element 1");
    }
  }

  @Test
  void namesTheTensorThatDoesNotFit() {
    TensorView weight = HeapTensors.of(MODULE + ".weight", DType.I8, Shape.of(2, 3), new byte[6]);
    TensorView scale = HeapTensors.f32(MODULE + ".weight_scale", Shape.of(2, 1), 1, 1);
    String channel = "\"strategy\": \"channel\"";
    assertRefused("int-quantized", channel, TensorSet.of(weight), "weight_scale\" is missing");
    assertRefused(
        "int-quantized",
        channel + ", \"symmetric\": false",
        TensorSet.of(weight, scale),
        "weight_zero_point\" is missing");
    assertRefused(
        "int-quantized",
        channel,
        TensorSet.of(
            HeapTensors.of(MODULE + ".weight", DType.U8, Shape.of(2, 3), new byte[6]), scale),
        "is U8, expected I8");
    assertRefused(
        "pack-quantized",
        channel,
        TensorSet.of(HeapTensors.i32(MODULE + ".weight_packed", Shape.of(2, 2), 1, 2, 3, 4), scale),
        "weight_packed\" is [2, 2], expected [2, 1]");
    assertRefused(
        "int-quantized", "\"strategy\": \"token\"", TensorSet.of(weight, scale), "\"token\"");
  }

  private void assertRefused(String format, String weights, TensorSet tensors, String... says) {
    ModelDirectory.assertLinearRefused(
        directory, config(format, weights), tensors, MODULE, 2, 3, says);
  }

  private Checkpoint open(String format, String weights, TensorSet tensors) {
    return ModelDirectory.open(directory, config(format, weights), tensors.tensors());
  }

  private static String config(String format, String weights) {
    return String.format(
        Locale.ROOT,
        """
        {"quantization_config": {"quant_method": "compressed-tensors", "format": "%s",
          "config_groups": {"group_0": {"targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "int", %s}}}}}
        """,
        format,
        weights);
  }
}
