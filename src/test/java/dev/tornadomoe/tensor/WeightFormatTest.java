package dev.tornadomoe.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class WeightFormatTest {
  /// rows x ceil(columns / 8) words of 4 bytes, a scale and perhaps a zero byte per row and group.
  @ParameterizedTest
  @CsvSource({
    "BF16, 128, false, 768, 2048, 811008", // 768*256*4 + 768*16*2
    "BF16, 128, true, 768, 2048, 823296", // + 768*16
    "F32, 32, false, 3, 64, 120", // 3*8*4 + 3*2*4
    "F16, 32, true, 5, 36, 130", // ragged: 5*5*4 + 5*2*2 + 5*2
    "F16, 100, false, 2, 12, 20" // a group wider than the row: 2*2*4 + 2*2
  })
  void countsTheBytesOfInt4(
      DType scales, int groupSize, boolean zeros, int rows, int columns, long bytes) {
    assertThat(WeightFormat.int4(scales, groupSize, zeros, false).bytes(rows, columns))
        .isEqualTo(bytes);
  }

  @ParameterizedTest
  @CsvSource({"F32, 4", "F16, 2", "BF16, 2"})
  void countsTheBytesOfDenseElements(DType element, int size) {
    assertThat(WeightFormat.dense(element).bytes(3, 5)).isEqualTo(15L * size);
    assertThat(WeightFormat.dense(element).bytes(65536, 65536)).isEqualTo(size * (1L << 32));
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"F32", "F16", "BF16"})
  void refusesElementsThatWeightsDoNotHave(DType element) {
    assertThatThrownBy(() -> WeightFormat.dense(element))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(element.name());
  }

  @Test
  void refusesGroupsThatMakeNoSense() {
    assertThatThrownBy(() -> WeightFormat.int4(DType.F16, -1, false, false))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> WeightFormat.int4(DType.F16, 0, true, false))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> WeightFormat.scaled(Coding.FP8, DType.F16, -1, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void saysWhatItIs() {
    assertThat(WeightFormat.dense(DType.BF16)).hasToString("BF16");
    assertThat(WeightFormat.dense(DType.BF16).isInt4()).isFalse();
    assertThat(WeightFormat.int4(DType.F16, 128, false, false))
        .hasToString("int4 g128 (F16 scales)");
    assertThat(WeightFormat.int4(DType.BF16, 32, true, true))
        .hasToString("int4 g32 (BF16 scales, zero points, act-order)");
    assertThat(WeightFormat.int4(DType.BF16, 32, true, true).isInt4()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0, 5, 7, 39, fp8 per tensor (F32 scale)", // 5*7 + 4
    "1, 0, 5, 7, 55, fp8 per channel (F32 scales)", // 5*7 + 5*4
    "1, 4, 5, 7, 75, fp8 g4 (F32 scales)", // 5*7 + 5*2*4
    "4, 3, 5, 7, 59, fp8 4x3 (F32 scales)" // 5*7 + 2*3*4
  })
  void countsTheScalesOfEachBlock(
      int rowsPerScale, int groupSize, int rows, int columns, long bytes, String text) {
    WeightFormat format = WeightFormat.scaled(Coding.FP8, DType.F32, rowsPerScale, groupSize);
    assertThat(format.bytes(rows, columns)).isEqualTo(bytes);
    assertThat(format).hasToString(text);
    assertThat(format.isInt4()).isFalse();
    assertThat(format.isDense()).isFalse();
  }

  @Test
  void countsTwoFloatsOfFourBitsToAByte() {
    WeightFormat mxfp4 = WeightFormat.scaled(Coding.MXFP4, DType.F8_E8M0, 1, 32);
    assertThat(mxfp4.bytes(3, 33)).isEqualTo(3 * (17 + 2));
    assertThat(mxfp4).hasToString("mxfp4 g32 (F8_E8M0 scales)");
    assertThat(new WeightFormat(Coding.INT8, DType.BF16, 1, 16, true, true))
        .hasToString("int8 g16 (BF16 scales, zero points, act-order)");
    assertThat(new WeightFormat(Coding.INT8, DType.BF16, 1, 16, true, true).bytes(2, 32))
        .isEqualTo(64 + 4 * 2 + 4);
  }
}
