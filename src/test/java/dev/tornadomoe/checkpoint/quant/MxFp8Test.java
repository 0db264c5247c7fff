package dev.tornadomoe.checkpoint.quant;

import static dev.tornadomoe.tensor.HeapTensors.of;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// MXFP8: E4M3 with a power of two for 32 columns, in the words of those who write it.
class MxFp8Test {
  private static final String COMPRESSED =
      "{\"quantization_config\": {\"quant_method\": \"compressed-tensors\", \"config_groups\":"
          + " {\"g\": {\"format\": \"mxfp8-quantized\", \"targets\": [\"Linear\"], \"weights\":"
          + " {\"num_bits\": 8, \"type\": \"float\", \"group_size\": %d}}}}}";
  private static final String FP8 =
      "{\"quantization_config\": {\"quant_method\": \"fp8\", \"weight_block_size\": [1, 32]}}";
  private static final String MODEL_OPTIMIZER =
      "{\"quantization_config\": {\"quant_method\": \"modelopt\", \"quant_algo\": \"MXFP8\"}}";

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "ct, weight_scale, U8, 96",
    "ct, weight_scale, F8_E8M0, 40", // a last group of 8
    "fp8, weight_scale_inv, U8, 96",
    "modelopt, weight_scale, U8, 96",
  })
  void aPowerOfTwoForEach32Columns(String writer, String suffix, DType type, int columns) {
    byte[] values = ByteValues.seeded(61).fp8(5 * columns);
    int groups = (columns + 31) / 32;
    byte[] exponents = exponents(5 * groups);
    TensorSet tensors =
        TensorSet.of(
            ByteValues.fp8("m.weight", values, 5, columns),
            of("m." + suffix, type, Shape.of(5, groups), exponents));
    try (Checkpoint checkpoint =
        ModelDirectory.open(directory, config(writer), tensors.tensors())) {
      Weight weight = checkpoint.linear("m", 5, columns);
      assertThat(weight.format().coding().name()).isEqualTo("fp8");
      assertThat(weight.bytesToLoad()).isZero();
      ByteValues.assertDecoded(
          weight,
          5,
          columns,
          (row, column) ->
              ByteValues.e4m3(values[row * columns + column])
                  * Math.pow(2, (exponents[row * groups + column / 32] & 0xFF) - 127));
    }
  }

  /// Two experts of eight outputs, of which the second's last four are asked for.
  @ParameterizedTest
  @CsvSource({"fp8, _scale_inv", "modelopt, _scale"})
  void expertsInOneTensor(String writer, String suffix) {
    byte[] values = ByteValues.seeded(62).fp8(2 * 8 * 64);
    byte[] exponents = exponents(2 * 8 * 2);
    TensorSet tensors =
        TensorSet.of(
            ByteValues.fp8("experts", values, 2, 8, 64),
            of("experts" + suffix, DType.U8, Shape.of(2, 8, 2), exponents));
    try (Checkpoint checkpoint =
        ModelDirectory.open(directory, config(writer), tensors.tensors())) {
      ExpertStack stack = checkpoint.stack("experts", 2, 8, 64, false);
      ByteValues.assertDecoded(
          stack.part(1, 4, 4, 1),
          4,
          64,
          (row, column) -> {
            int at = 8 + 4 + row;
            return ByteValues.e4m3(values[at * 64 + column])
                * Math.pow(2, (exponents[at * 2 + column / 32] & 0xFF) - 127);
          });
    }
  }

  @Test
  void refusesNanAndOtherGroups() {
    byte[] exponents = exponents(5 * 2);
    exponents[3] = -1;
    TensorSet tensors =
        TensorSet.of(
            ByteValues.fp8("m.weight", new byte[5 * 64], 5, 64),
            of("m.weight_scale", DType.U8, Shape.of(5, 2), exponents));
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config("ct"), tensors.tensors());
        Arena arena = Arena.ofConfined()) {
      Weight weight = checkpoint.linear("m", 5, 64);
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("\"m.weight_scale\"", "NaN", "element 3");
    }
    String config = String.format(Locale.ROOT, COMPRESSED, 64);
    ModelDirectory.assertLinearRefused(
        directory, config, tensors, "m", 5, 64, "MXFP8 with groups of 64");
  }

  /// 2^-10 to 2^10.
  private static byte[] exponents(int count) {
    byte[] exponents = ByteValues.seeded(63).bytes(count);
    for (int i = 0; i < count; i++) {
      exponents[i] = (byte) (127 + exponents[i] % 11);
    }
    return exponents;
  }

  private static String config(String writer) {
    return switch (writer) {
      case "ct" -> String.format(Locale.ROOT, COMPRESSED, 32);
      case "fp8" -> FP8;
      default -> MODEL_OPTIMIZER;
    };
  }
}
