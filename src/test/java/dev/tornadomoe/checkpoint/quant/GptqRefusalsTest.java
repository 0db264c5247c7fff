package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;

class GptqRefusalsTest extends InputMajorRefusals {
  private static final String MODULE = "m.up_proj";

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "`\"bits\": 3`, 3 bits",
        "`\"bits\": 2`, 2 bits",
        "`\"checkpoint_format\": \"marlin\"`, `\"marlin\"`",
        "`\"checkpoint_format\": \"bitblas\"`, `\"bitblas\"`",
        "`\"checkpoint_format\": \"gptq_p\"`, `\"gptq_p\"`",
        "`\"format\": \"marlin\"`, `\"marlin\"`",
        "`\"checkpoint_format\": \"marlin\", \"format\": \"gptq\"`, `\"marlin\"`"
      })
  void namesTheVariantThatIsNotSupported(String fields, String named) {
    assertRefused(fields, sound(), "config.json", named, "not supported");
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "`\"group_size\": 0`, group_size",
        "`\"group_size\": -7`, group_size",
        "`\"group_size\": \"32\"`, group_size",
        "`\"bits\": \"4\"`, bits",
        "`\"bits\": 4.5`, bits",
        "`\"desc_act\": 1`, desc_act",
        "`\"sym\": \"no\"`, sym",
        "`\"checkpoint_format\": 1`, checkpoint_format"
      })
  void namesTheFieldThatIsWrong(String fields, String name) {
    assertRefused(fields, sound(), "config.json", "\"" + name + "\"", "must be");
  }

  static Stream<Arguments> misshapen() {
    return Stream.of(
        Arguments.of(
            HeapTensors.i32(MODULE + ".qweight", Shape.of(16, 8), new int[128]),
            "[16, 8]",
            "[8, 8]"),
        Arguments.of(
            HeapTensors.i64(MODULE + ".qweight", Shape.of(8, 8), new long[64]), "I64", "I32"),
        Arguments.of(HeapTensors.i32(MODULE + ".qzeros", Shape.of(1, 1), 0), "[1, 1]", "[2, 1]"),
        Arguments.of(
            HeapTensors.f16(MODULE + ".scales", Shape.of(4, 8), new float[32]), "[4, 8]", "[2, 8]"),
        Arguments.of(
            HeapTensors.f16(MODULE + ".scales", Shape.of(8, 2), new float[16]),
            "[8, 2]",
            "transposed"),
        Arguments.of(HeapTensors.i32(MODULE + ".g_idx", Shape.of(32), new int[32]), "[32]", "[64]"),
        Arguments.of(
            HeapTensors.f32(MODULE + ".g_idx", Shape.of(64), new float[64]), "F32", "I32 or I64"));
  }

  @Override
  TensorSet sound() {
    return GptqPacking.v1(MODULE, Int4Values.asymmetric(121, 8, 64, 32), DType.F16);
  }

  @Override
  String module() {
    return MODULE;
  }

  @Override
  String config(String fields) {
    return "{\"quantization_config\": {\"quant_method\": \"gptq\", " + fields + "}}";
  }
}
