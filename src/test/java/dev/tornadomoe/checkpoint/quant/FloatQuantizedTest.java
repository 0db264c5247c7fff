package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// compressed-tensors' FP8, every element against E4M3's definition.
class FloatQuantizedTest {
  private static final String MODULE = "m.gate_proj";
  private static final int ROWS = 7;
  private static final int COLUMNS = 45;

  @TempDir Path directory;

  private final ByteValues random = ByteValues.seeded(1);
  private final byte[] values = random.fp8(ROWS * COLUMNS);

  @ParameterizedTest
  @CsvSource({"''", "1", "'1,1'"})
  void readsAScaleForTheTensor(String shape) {
    float[] scale = random.scales(1);
    assertDecoded("\"strategy\": \"tensor\"", DType.BF16, shape, scale, (row, column) -> 0);
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void readsAScaleForEachOutput(DType type) {
    float[] scales = random.scales(ROWS);
    assertDecoded("\"strategy\": \"channel\"", type, "7,1", scales, (row, column) -> row);
    assertDecoded("\"strategy\": \"channel\"", type, "7", scales, (row, column) -> row);
  }

  @Test
  void readsRaggedGroups() {
    assertDecoded(
        "\"strategy\": \"group\", \"group_size\": 16",
        DType.F32,
        "7,3",
        random.scales(21),
        (row, column) -> row * 3 + column / 16);
  }

  @Test
  void readsRaggedBlocks() {
    assertDecoded(
        "\"strategy\": \"block\", \"block_structure\": [4, 16]",
        DType.F32,
        "2,3",
        random.scales(6),
        (row, column) -> row / 4 * 3 + column / 16);
  }

  @Test
  void activationsAndTheOlderNameOfTheFormatMakeNoDifference() {
    String weights = "\"strategy\": \"channel\"";
    TensorSet tensors = tensors(DType.F32, "7,1", random.scales(ROWS));
    for (String format : new String[] {"float-quantized", "naive-quantized"}) {
      try (Checkpoint checkpoint =
          ModelDirectory.open(directory, config(format, weights), tensors.tensors())) {
        assertThat(checkpoint.linear(MODULE, ROWS, COLUMNS).format())
            .hasToString("fp8 per channel (F32 scales)");
      }
    }
  }

  @Test
  void usesTheFilesOwnBytes() {
    TensorSet tensors = tensors(DType.F32, "7,1", random.scales(ROWS));
    try (Checkpoint checkpoint = open("\"strategy\": \"channel\"", tensors);
        CountingArena arena = new CountingArena()) {
      Weight weight = checkpoint.linear(MODULE, ROWS, COLUMNS);
      assertThat(weight.bytesToLoad()).isZero();
      assertThat(weight.load(arena).rows()).isEqualTo(ROWS);
      assertThat(arena.bytes()).isZero();
      assertThat(weight.bytes()).isEqualTo(ROWS * COLUMNS + ROWS * 4);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "channel, '1', '[1]', '[7, 1]'",
    "channel, '7,2', '[7, 2]', '[7, 1]'",
    "tensor, '7,1', '[7, 1]', '[1, 1]'"
  })
  void namesTheScalesThatDoNotFit(String strategy, String shape, String found, String expected) {
    TensorSet tensors = tensors(DType.F32, shape, random.scales(elements(shape)));
    assertRefused(strategy, tensors, "\"" + MODULE + ".weight_scale\"", found, expected);
  }

  @Test
  void namesWhatIsMissingOrOfAnotherType() {
    TensorSet sound = tensors(DType.F32, "7,1", random.scales(ROWS));
    assertRefused(
        "channel",
        tensors(DType.F32, "7,1", random.scales(ROWS)).remove(MODULE + ".weight_scale"),
        "\"" + MODULE + ".weight_scale\" is missing");
    assertRefused(
        "channel",
        sound.put(
            HeapTensors.of(
                MODULE + ".weight", DType.I8, Shape.of(ROWS, COLUMNS), new byte[ROWS * COLUMNS])),
        "\"" + MODULE + ".weight\" is I8, expected F8_E4M3");
  }

  @Test
  void refusesFloatsWithZeroPoints() {
    TensorSet sound = tensors(DType.F32, "7,1", random.scales(ROWS));
    ModelDirectory.assertLinearRefused(
        directory,
        config("float-quantized", "\"strategy\": \"channel\", \"symmetric\": false"),
        sound,
        MODULE,
        ROWS,
        COLUMNS,
        "config.json",
        "not supported");
  }

  private void assertRefused(String strategy, TensorSet tensors, String... says) {
    ModelDirectory.assertLinearRefused(
        directory,
        config("float-quantized", "\"strategy\": \"" + strategy + "\""),
        tensors,
        MODULE,
        ROWS,
        COLUMNS,
        says);
  }

  /// Which of the scales an element has.
  @FunctionalInterface
  private interface ScaleIndex {
    int of(int row, int column);
  }

  private void assertDecoded(
      String weights, DType type, String shape, float[] scales, ScaleIndex index) {
    try (Checkpoint checkpoint = open(weights, tensors(type, shape, scales))) {
      ByteValues.assertDecoded(
          checkpoint.linear(MODULE, ROWS, COLUMNS),
          ROWS,
          COLUMNS,
          (row, column) ->
              ByteValues.e4m3(values[row * COLUMNS + column]) * scales[index.of(row, column)]);
    }
  }

  private TensorSet tensors(DType type, String shape, float[] scales) {
    return TensorSet.of(
        ByteValues.fp8(MODULE + ".weight", values, ROWS, COLUMNS),
        HeapTensors.floats(MODULE + ".weight_scale", type, Shape.of(longs(shape)), scales));
  }

  private static long[] longs(String shape) {
    return shape.isEmpty()
        ? new long[0]
        : Arrays.stream(shape.split(",", -1)).mapToLong(Long::parseLong).toArray();
  }

  private static int elements(String shape) {
    return (int) Shape.of(longs(shape)).elements();
  }

  private Checkpoint open(String weights, TensorSet tensors) {
    return ModelDirectory.open(directory, config("float-quantized", weights), tensors.tensors());
  }

  private static String config(String format, String weights) {
    return String.format(
        Locale.ROOT,
        """
        {"quantization_config": {"quant_method": "compressed-tensors", "format": "%s",
          "config_groups": {"group_0": {"targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "float", %s},
            "input_activations": {"num_bits": 8, "type": "float", "strategy": "token", "dynamic": true}}}}}
        """,
        format,
        weights);
  }
}
