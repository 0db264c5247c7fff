package dev.tornadomoe.checkpoint.quant;

import static dev.tornadomoe.tensor.HeapTensors.bf16;
import static dev.tornadomoe.tensor.HeapTensors.i32;
import static dev.tornadomoe.tensor.HeapTensors.i64;
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
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class CompressedTensorsRefusalsTest {
  private static final String MODULE = "m.gate_proj";
  private static final String G32 = "{\"num_bits\": 4, \"group_size\": 32, \"symmetric\": false}";

  @TempDir Path directory;

  /// What a tensor is replaced by, and what the message must say of it.
  static Stream<Arguments> tensors() {
    return Stream.of(
        Arguments.of(i64(MODULE + ".weight_shape", Shape.of(2), 4, 64), "[4, 64]", "[8, 64]"),
        Arguments.of(i64(MODULE + ".weight_shape", Shape.of(2), 64, 8), "[64, 8]", "[8, 64]"),
        Arguments.of(i64(MODULE + ".weight_shape", Shape.of(3), 1, 8, 64), "[3]", "[2]"),
        Arguments.of(bf16(MODULE + ".weight_shape", Shape.of(2), 8, 64), "BF16", "I32 or I64"),
        Arguments.of(
            i32(MODULE + ".weight_packed", Shape.of(8, 4), new int[32]), "[8, 4]", "[8, 8]"),
        Arguments.of(i64(MODULE + ".weight_packed", Shape.of(8, 8), new long[64]), "I64", "I32"),
        Arguments.of(
            bf16(MODULE + ".weight_scale", Shape.of(8, 4), new float[32]), "[8, 4]", "[8, 2]"),
        Arguments.of(
            bf16(MODULE + ".weight_scale", Shape.of(8, 1), new float[8]), "[8, 1]", "[8, 2]"),
        Arguments.of(
            bf16(MODULE + ".weight_scale", Shape.of(2, 8), new float[16]), "[2, 8]", "transposed"),
        Arguments.of(
            HeapTensors.of(MODULE + ".weight_scale", DType.F64, Shape.of(8, 2), new byte[128]),
            "F64",
            "BF16 or F16 or F32"),
        Arguments.of(
            HeapTensors.of(MODULE + ".weight_zero_point", DType.U8, Shape.of(8, 2), new byte[16]),
            "U8",
            "I32 or I8"),
        Arguments.of(
            HeapTensors.of(MODULE + ".weight_zero_point", DType.I8, Shape.of(1, 2), new byte[2]),
            "[1, 2]",
            "[8, 2]"),
        Arguments.of(
            i32(MODULE + ".weight_zero_point", Shape.of(2, 2), new int[4]), "[2, 2]", "[1, 2]"));
  }

  @ParameterizedTest
  @MethodSource("tensors")
  void namesTheTensorThatDoesNotFit(TensorView replacement, String found, String expected) {
    TensorSet tensors = CompressedTensorsPacking.sound(MODULE).put(replacement);
    assertRefused(
        CompressedTensorsPacking.config(G32),
        tensors,
        directory.resolve("model.safetensors").toString(),
        "\"" + replacement.name() + "\"",
        found,
        expected);
  }

  @ParameterizedTest
  @ValueSource(strings = {"weight_packed", "weight_scale", "weight_zero_point"})
  void namesTheTensorThatIsMissing(String part) {
    assertRefused(
        CompressedTensorsPacking.config(G32),
        CompressedTensorsPacking.sound(MODULE).remove(MODULE + "." + part),
        directory.resolve("model.safetensors").toString(),
        "\"" + MODULE + "." + part + "\"",
        "missing");
  }

  @ParameterizedTest
  @ValueSource(bytes = {-9, 8, Byte.MIN_VALUE, Byte.MAX_VALUE})
  void refusesAPlainZeroPointOutOfRange(byte zero) {
    byte[] zeros = new byte[16];
    zeros[11] = zero;
    TensorSet tensors =
        CompressedTensorsPacking.sound(MODULE)
            .put(HeapTensors.of(MODULE + ".weight_zero_point", DType.I8, Shape.of(8, 2), zeros));
    try (Checkpoint checkpoint =
            ModelDirectory.open(
                directory, CompressedTensorsPacking.config(G32), tensors.tensors());
        Arena arena = Arena.ofConfined()) {
      Weight weight = checkpoint.linear(MODULE, 8, 64);
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(directory.resolve("model.safetensors").toString())
          .hasMessageContainingAll(
              "\"" + MODULE + ".weight_zero_point\"", zero + " at element 11", "-8 to 7");
    }
  }

  /// The scales have groups of 32.
  @ParameterizedTest
  @ValueSource(ints = {16, 64, -1})
  void refusesAGroupSizeThatContradictsTheScales(int groupSize) {
    assertRefused(
        CompressedTensorsPacking.config(G32.replace("32", Integer.toString(groupSize))),
        CompressedTensorsPacking.sound(MODULE),
        "\"" + MODULE + ".weight_scale\"",
        "[8, 2]");
  }

  private void assertRefused(String config, TensorSet tensors, String... says) {
    ModelDirectory.assertLinearRefused(directory, config, tensors, MODULE, 8, 64, says);
  }
}
