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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// compressed-tensors' MXFP4 and NVFP4.
class FourBitFloatsTest {
  private static final String MODULE = "m.gate_proj";

  @TempDir Path directory;

  private final ByteValues random = ByteValues.seeded(9);

  @ParameterizedTest(name = "[{0}, {1}], scales {2}")
  @CsvSource({"4, 64, U8", "3, 96, F8_E8M0", "5, 40, U8", "2, 7, U8"})
  void readsMxfp4(int rows, int columns, DType scaleType) {
    int perRow = (columns + 1) / 2;
    int groups = (columns + 31) / 32;
    byte[] packed = random.bytes(rows * perRow);
    byte[] scales = random.bytes(rows * groups);
    for (int i = 0; i < scales.length; i++) {
      scales[i] = (byte) (100 + Math.floorMod(scales[i], 40));
    }
    TensorSet tensors = mxfp4(packed, rows, perRow, scaleType, groups, scales);
    try (Checkpoint checkpoint = open(MXFP4, tensors)) {
      ByteValues.assertDecoded(
          checkpoint.linear(MODULE, rows, columns),
          rows,
          columns,
          (row, column) ->
              ByteValues.e2m1(packed[row * perRow + column / 2], column)
                  * Math.pow(2, (scales[row * groups + column / 32] & 0xFF) - 127));
    }
  }

  @Test
  void readsTheSmallestAndLargestPowersOfTwo() {
    byte[] packed = {0x22, 0x22}; // 1
    TensorSet tensors = mxfp4(packed, 2, 1, DType.U8, 1, new byte[] {0, (byte) 254});
    try (Checkpoint checkpoint = open(MXFP4, tensors)) {
      ByteValues.assertDecoded(
          checkpoint.linear(MODULE, 2, 2),
          2,
          2,
          (row, column) -> Math.pow(2, row == 0 ? -127 : 127));
    }
  }

  @Test
  void refusesAScaleThatIsNaN() {
    TensorSet tensors = mxfp4(new byte[2], 2, 1, DType.U8, 1, new byte[] {1, -1});
    try (Checkpoint checkpoint = open(MXFP4, tensors);
        Arena arena = Arena.ofConfined()) {
      Weight weight = checkpoint.linear(MODULE, 2, 2);
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("weight_scale", "255", "NaN", "element 1");
    }
  }

  @ParameterizedTest(name = "[{0}, {1}]")
  @CsvSource({"4, 64", "3, 48", "5, 24", "2, 7"})
  void readsNvfp4(int rows, int columns) {
    int perRow = (columns + 1) / 2;
    int groups = (columns + 15) / 16;
    byte[] packed = random.bytes(rows * perRow);
    byte[] scales = random.fp8(rows * groups);
    for (int i = 0; i < scales.length; i++) {
      scales[i] &= 0x7F;
    }
    scales[0] = 0; // a group that is too small for the format
    float global = 37.25f;
    TensorSet tensors = nvfp4(packed, rows, perRow, groups, scales, global);
    try (Checkpoint checkpoint = open(NVFP4, tensors)) {
      Weight weight = checkpoint.linear(MODULE, rows, columns);
      assertThat(weight.bytesToLoad()).isZero();
      ByteValues.assertDecoded(
          weight,
          rows,
          columns,
          (row, column) ->
              ByteValues.e2m1(packed[row * perRow + column / 2], column)
                  * ByteValues.e4m3(scales[row * groups + column / 16])
                  / global);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "127, 1, NaN",
    "-127, 1, 'at element 1'",
    "-100, 1, 'at element 1'",
    "8, 0, 0.0",
    "8, -2, -2.0"
  })
  void refusesNvfp4ScalesThatCanNotBe(byte scale, float global, String says) {
    TensorSet tensors = nvfp4(new byte[2], 2, 1, 1, new byte[] {8, scale}, global);
    try (Checkpoint checkpoint = open(NVFP4, tensors);
        Arena arena = Arena.ofConfined()) {
      Weight weight = checkpoint.linear(MODULE, 2, 2);
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("scale", says);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"weight_packed", "weight_scale", "weight_global_scale"})
  void namesTheTensorThatIsMissing(String part) {
    TensorSet tensors =
        nvfp4(new byte[2], 2, 1, 1, new byte[] {8, 8}, 1).remove(MODULE + "." + part);
    ModelDirectory.assertLinearRefused(
        directory, NVFP4, tensors, MODULE, 2, 2, "\"" + MODULE + "." + part + "\" is missing");
  }

  @Test
  void namesTheTensorThatDoesNotFit() {
    TensorSet tensors = nvfp4(new byte[2], 2, 1, 1, new byte[] {8, 8}, 1);
    ModelDirectory.assertLinearRefused(
        directory, NVFP4, tensors, MODULE, 2, 4, "weight_packed\" is [2, 1], expected [2, 2]");
    ModelDirectory.assertLinearRefused(
        directory,
        MXFP4,
        tensors,
        MODULE,
        2,
        2,
        "weight_scale\" is F8_E4M3, expected F8_E8M0 or U8");
    ModelDirectory.assertLinearRefused(
        directory,
        NVFP4.replace("16", "32"),
        tensors,
        MODULE,
        2,
        2,
        "groups of 32",
        "not supported");
  }

  private static TensorSet mxfp4(
      byte[] packed, int rows, int perRow, DType scaleType, int groups, byte... scales) {
    return TensorSet.of(
        bytes(".weight_packed", DType.U8, packed, rows, perRow),
        bytes(".weight_scale", scaleType, scales, rows, groups));
  }

  private static TensorSet nvfp4(
      byte[] packed, int rows, int perRow, int groups, byte[] scales, float global) {
    return TensorSet.of(
        bytes(".weight_packed", DType.U8, packed, rows, perRow),
        bytes(".weight_scale", DType.F8_E4M3, scales, rows, groups),
        HeapTensors.f32(MODULE + ".weight_global_scale", Shape.of(1), global));
  }

  private static TensorView bytes(String suffix, DType type, byte[] bytes, int rows, int columns) {
    return HeapTensors.of(MODULE + suffix, type, Shape.of(rows, columns), bytes);
  }

  private static final String MXFP4 = config("mxfp4-pack-quantized", "group", 32);
  private static final String NVFP4 = config("nvfp4-pack-quantized", "tensor_group", 16);

  private static String config(String format, String strategy, int group) {
    return String.format(
        Locale.ROOT,
        """
        {"quantization_config": {"quant_method": "compressed-tensors", "format": "%s",
          "config_groups": {"group_0": {"targets": ["Linear"],
            "weights": {"num_bits": 4, "type": "float", "strategy": "%s", "group_size": %d}}}}}
        """,
        format,
        strategy,
        group);
  }

  private Checkpoint open(String config, TensorSet tensors) {
    return ModelDirectory.open(directory, config, tensors.tensors());
  }
}
