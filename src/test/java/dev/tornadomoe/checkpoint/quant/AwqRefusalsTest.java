package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;

class AwqRefusalsTest extends InputMajorRefusals {
  private static final String MODULE = "model.layers.0.mlp.experts.0.gate_proj";

  @ParameterizedTest
  @CsvSource({"group_size, 0", "group_size, -2", "q_group_size, 0", "q_group_size, -2"})
  void refusesGroupSizesThatMakeNoSense(String name, int size) {
    assertRefused(
        String.format(Locale.ROOT, "\"%s\": %d", name, size),
        sound(),
        "config.json",
        "group_size",
        "must be");
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "`\"version\": \"gemv\"`, `\"gemv\"`",
        "`\"version\": \"GEMV\"`, `\"GEMV\"`",
        "`\"version\": \"gemv_fast\"`, `\"gemv_fast\"`",
        "`\"version\": \"marlin\"`, `\"marlin\"`",
        "`\"format\": \"gemv\"`, `\"gemv\"`",
        "`\"bits\": 8`, 8 bits",
        "`\"w_bit\": 3`, 3 bits"
      })
  void namesTheVariantThatIsNotSupported(String fields, String named) {
    assertRefused(fields, sound(), "config.json", named, "not supported");
  }

  @Test
  void refusesRowsThatDoNotFillWords() {
    TensorSet tensors = sound();
    try (Checkpoint checkpoint = open("\"group_size\": 32", tensors)) {
      assertThatThrownBy(() -> checkpoint.linear(MODULE, 12, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("\"" + MODULE + "\"", "12", "eight");
    }
  }

  static Stream<Arguments> misshapen() {
    return Stream.of(
        Arguments.of(
            HeapTensors.i32(MODULE + ".qweight", Shape.of(8, 8), new int[64]), "[8, 8]", "[64, 1]"),
        Arguments.of(
            HeapTensors.i64(MODULE + ".qweight", Shape.of(64, 1), new long[64]), "I64", "I32"),
        Arguments.of(HeapTensors.i32(MODULE + ".qzeros", Shape.of(1, 1), 0), "[1, 1]", "[2, 1]"),
        Arguments.of(
            HeapTensors.f16(MODULE + ".scales", Shape.of(4, 8), new float[32]), "[4, 8]", "[2, 8]"),
        Arguments.of(
            HeapTensors.f16(MODULE + ".scales", Shape.of(8, 2), new float[16]),
            "[8, 2]",
            "transposed"));
  }

  @Override
  TensorSet sound() {
    return AwqPacking.pack(MODULE, Int4Values.asymmetric(97, 8, 64, 32));
  }

  private Checkpoint open(String fields, TensorSet tensors) {
    return ModelDirectory.open(directory, config(fields), tensors.tensors());
  }

  @Override
  String module() {
    return MODULE;
  }

  @Override
  String config(String fields) {
    return "{\"quantization_config\": {\"quant_method\": \"awq\", " + fields + "}}";
  }
}
