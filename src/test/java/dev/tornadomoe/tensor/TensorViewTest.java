package dev.tornadomoe.tensor;

import static dev.tornadomoe.tensor.HeapTensors.bf16;
import static dev.tornadomoe.tensor.HeapTensors.f32;
import static dev.tornadomoe.tensor.HeapTensors.i32;
import static dev.tornadomoe.tensor.HeapTensors.of;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TensorViewTest {
  @Test
  void readsLittleEndianFloats() {
    // 1.5 is 0x3FC00000, 0x3E00 and 0x3FC0; -448 is 0xFE.
    assertThat(single(DType.F32, 0x00, 0x00, 0xC0, 0x3F).getFloat(0)).isEqualTo(1.5f);
    assertThat(single(DType.F16, 0x00, 0x3E).getFloat(0)).isEqualTo(1.5f);
    assertThat(single(DType.BF16, 0xC0, 0x3F).getFloat(0)).isEqualTo(1.5f);
    assertThat(single(DType.F8_E4M3, 0xFE).getFloat(0)).isEqualTo(-448f);
  }

  @Test
  void readsLittleEndianIntegers() {
    assertThat(single(DType.I8, 0x80).getLong(0)).isEqualTo(-128);
    assertThat(single(DType.U8, 0xFF).getLong(0)).isEqualTo(255);
    assertThat(single(DType.I32, 0xFE, 0xFF, 0xFF, 0xFF).getLong(0)).isEqualTo(-2);
    assertThat(single(DType.I64, 0, 0, 0, 0, 0, 0, 0, 0x80).getLong(0)).isEqualTo(Long.MIN_VALUE);
  }

  @Test
  void readsBitsOfTwoAndFourByteElements() {
    assertThat(single(DType.BF16, 0x80, 0xFF).getBits(0)).isEqualTo(0xFF80);
    assertThat(single(DType.F32, 1, 0, 0, 0x80).getBits(0)).isEqualTo(0x80000001);
    assertThatThrownBy(() -> single(DType.U8, 1).getBits(0))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("\"x\" is U8");
  }

  @ParameterizedTest
  @EnumSource(names = {"BF16", "F32"})
  void readsTheBitsOfManyElements(DType dtype) {
    int count = 5000; // more than are copied at once
    byte[] bytes = new byte[count * dtype.bytes()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i * 37);
    }
    TensorView tensor = of("x", dtype, Shape.of(count), bytes);
    int[] bits = new int[count];
    tensor.getBits(3, count - 3, bits);
    for (int i = 0; i < count - 3; i++) {
      assertThat(bits[i]).isEqualTo(tensor.getBits(3 + i));
    }
    assertThatThrownBy(() -> single(DType.U8, 1).getBits(0, 1, bits))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("\"x\" is U8");
  }

  @ParameterizedTest
  @EnumSource
  void decodesOnlyTheTypesItPromises(DType dtype) {
    TensorView tensor = of("x", dtype, Shape.of(8), new byte[dtype.bits()]);
    if (!EnumSet.of(DType.F32, DType.F16, DType.BF16, DType.F8_E4M3, DType.F8_E8M0)
        .contains(dtype)) {
      assertThatThrownBy(() -> tensor.getFloat(0)).isInstanceOf(IllegalStateException.class);
    }
    if (!EnumSet.of(DType.I8, DType.U8, DType.I32, DType.I64).contains(dtype)) {
      assertThatThrownBy(() -> tensor.getLong(0)).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void needsNoAlignment() {
    assertThat(HeapTensors.misaligned(f32("x", Shape.of(2), 3, -7)).toFloats())
        .containsExactly(3, -7);
    assertThat(HeapTensors.misaligned(i32("x", Shape.of(2), 3, -7)).getLong(1)).isEqualTo(-7);
  }

  @Test
  void refusesBytesThatAreNotThoseOfTheShape() {
    assertThatThrownBy(() -> of("model.x", DType.F16, Shape.of(2, 3), new byte[11]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("\"model.x\"", "F16", "[2, 3]", "12", "11");
  }

  @Test
  void refusesAShapeWhoseBytesOverflow() {
    Shape huge = Shape.of(1L << 31, 1L << 30);
    MemorySegment nothing = MemorySegment.ofArray(new byte[0]);
    assertThatThrownBy(() -> new TensorView("x", DType.F64, huge, nothing))
        .isInstanceOf(ArithmeticException.class);
  }

  @Test
  void slicesTheOutermostDimensionWithoutACopy() {
    TensorView tensor = bf16("x", Shape.of(3, 2), 0, 1, 2, 3, 4, 5);
    TensorView row = tensor.at(1);
    assertThat(row.name()).isEqualTo("x[1]");
    assertThat(row.shape()).isEqualTo(Shape.of(2));
    assertThat(row.toFloats()).containsExactly(2, 3);

    TensorView rows = tensor.rows(1, 3);
    assertThat(rows.shape()).isEqualTo(Shape.of(2, 2));
    assertThat(rows.toFloats()).containsExactly(2, 3, 4, 5);

    tensor.data().set(ValueLayout.JAVA_BYTE, 5, (byte) 0xC0);
    assertThat(row.getFloat(0)).isEqualTo(-2);
    assertThat(rows.getFloat(0)).isEqualTo(-2);
  }

  @Test
  void refusesSlicesOutsideTheTensor() {
    TensorView tensor = f32("x", Shape.of(3, 2), 0, 1, 2, 3, 4, 5);
    assertThatThrownBy(() -> tensor.at(3)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> tensor.at(-1)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> tensor.rows(2, 4)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> tensor.rows(2, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> tensor.getFloat(6)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void aScalarHasOneValueAndNoSlices() {
    TensorView scalar = f32("x", Shape.of(), 2.5f);
    assertThat(scalar.toFloats()).containsExactly(2.5f);
    assertThatThrownBy(() -> scalar.at(0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> scalar.rows(0, 1)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void anEmptyTensorHasNoValues() {
    assertThat(f32("x", Shape.of(0, 4)).toFloats()).isEmpty();
  }

  private static TensorView single(DType dtype, int... bytes) {
    byte[] data = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      data[i] = (byte) bytes[i];
    }
    return of("x", dtype, Shape.of(1), data);
  }
}
