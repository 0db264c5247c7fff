package dev.tornadomoe.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class DTypeTest {
  /// The table of `Dtype::bitsize` in safetensors' tensor.rs.
  @ParameterizedTest
  @CsvSource({
    "BOOL, 8",
    "F4, 4",
    "F6_E2M3, 6",
    "F6_E3M2, 6",
    "U8, 8",
    "I8, 8",
    "F8_E5M2, 8",
    "F8_E4M3, 8",
    "F8_E8M0, 8",
    "F8_E4M3FNUZ, 8",
    "F8_E5M2FNUZ, 8",
    "I16, 16",
    "U16, 16",
    "F16, 16",
    "BF16, 16",
    "I32, 32",
    "U32, 32",
    "F32, 32",
    "C64, 64",
    "F64, 64",
    "I64, 64",
    "U64, 64"
  })
  void hasTheSizeThatTheFormatGivesIt(String name, int bits) {
    DType dtype = DType.named(name).orElseThrow();
    assertThat(dtype.name()).isEqualTo(name);
    assertThat(dtype.bits()).isEqualTo(bits);
  }

  @Test
  void hasNoOtherTypesThanTheFormat() {
    assertThat(DType.values()).hasSize(22);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "f32", "Bf16", " F32", "F32 ", "F128", "float32", "INT8"})
  void knowsOnlyTheExactNames(String name) {
    assertThat(DType.named(name)).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void countsBytesUnlessAnElementIsSmaller(DType dtype) {
    if (dtype.bits() >= 8) {
      assertThat(dtype.bytes() * 8).isEqualTo(dtype.bits());
    } else {
      assertThatThrownBy(dtype::bytes)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining(dtype.name());
    }
  }

  @Test
  void namesTheTypesOfUnquantisedWeights() {
    assertThat(Arrays.stream(DType.values()).filter(DType::isFloat))
        .containsExactlyInAnyOrder(DType.F32, DType.F16, DType.BF16);
  }
}
