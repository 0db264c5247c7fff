package dev.tornadomoe.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class TranspositionTest {
  private static final long SEED = 940;

  static Stream<Arguments> sizes() {
    return Stream.of(DType.U8, DType.F8_E4M3, DType.F16, DType.BF16, DType.F32, DType.I32)
        .flatMap(dtype ->
            Stream.of(
                    new int[] {1, 1, 1, 0, 1},
                    new int[] {3, 5, 5, 0, 1},
                    new int[] {64, 64, 64, 0, 1},
                    new int[] {7, 129, 129, 0, 1},
                    new int[] {65, 130, 65, 65, 1}, // the second half
                    new int[] {65, 130, 65, 0, 2}, // interleaved
                    new int[] {65, 130, 65, 1, 2},
                    new int[] {9, 100, 33, 1, 3},
                    new int[] {4, 6, 0, 0, 1})
                .map(size -> Arguments.of(dtype, size[0], size[1], size[2], size[3], size[4])));
  }

  @ParameterizedTest(name = "{0}: {3} rows of [{1}, {2}] from {4} in steps of {5}, seed 940")
  @MethodSource("sizes")
  void exchangesRowsAndColumns(
      DType dtype, int columns, int stored, int rows, int first, int step) {
    int size = dtype.bytes();
    byte[] bytes = new byte[columns * stored * size];
    new Random(SEED).nextBytes(bytes);
    TensorView source = HeapTensors.of("w", dtype, Shape.of(columns, stored), bytes);
    byte[] expected = new byte[rows * columns * size];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        System.arraycopy(
            bytes,
            (column * stored + first + row * step) * size,
            expected,
            (row * columns + column) * size,
            size);
      }
    }
    try (Arena arena = Arena.ofConfined()) {
      TensorView transposed = HeapTensors.misaligned(source).transposed(rows, first, step, arena);
      assertThat(transposed.name()).isEqualTo("w");
      assertThat(transposed.dtype()).isEqualTo(dtype);
      assertThat(transposed.shape()).isEqualTo(Shape.of(rows, columns));
      assertThat(transposed.data().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected);
    }
  }

  @Test
  void takesAllRowsWhenNoneAreNamed() {
    TensorView source = HeapTensors.f32("w", Shape.of(2, 3), 1, 2, 3, 4, 5, 6);
    try (Arena arena = Arena.ofConfined()) {
      TensorView transposed = source.transposed(arena);
      assertThat(transposed.shape()).isEqualTo(Shape.of(3, 2));
      assertThat(transposed.toFloats()).containsExactly(1, 4, 2, 5, 3, 6);
    }
  }

  @Test
  void refusesElementsOfEightBytes() {
    TensorView source = HeapTensors.i64("w", Shape.of(1, 1), 1);
    try (Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(() -> source.transposed(arena))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("8 bytes");
    }
  }
}
