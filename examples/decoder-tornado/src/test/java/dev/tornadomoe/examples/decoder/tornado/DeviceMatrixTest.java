package dev.tornadomoe.examples.decoder.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.tornadomoe.examples.decoder.DecoderException;
import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class DeviceMatrixTest {
  private static final int COLUMNS = 1026;

  /// Magnitudes from 2^-30 to 1, so that in each row some are far below the largest; a row of
  /// zeros.
  @Test
  void integersAreWhatBfloat16WasButForWhatIsFarBelowItsNeighbours() {
    DenseMatrix upper = matrix(DType.BF16, 3, 1);
    DenseMatrix lower = matrix(DType.BF16, 2, 2);
    for (int column = 0; column < COLUMNS; column++) {
      lower.values().data().setAtIndex(ValueLayout.JAVA_SHORT, column, (short) 0);
    }
    DeviceMatrix found = DeviceMatrix.of(upper, lower);
    assertThat(found.rows()).isEqualTo(5);
    for (int row = 0; row < 5; row++) {
      float[] expected = new float[COLUMNS];
      (row < 3 ? upper : lower).decodeRow(row < 3 ? row : row - 3, expected);
      float largest = largest(expected);
      for (int column = 0; column < COLUMNS; column++) {
        int word = found.words().get((row * COLUMNS + column) / 2);
        int integer = column % 2 == 0 ? (short) word : word >> 16;
        float scale = found.floats().get(row);
        float loss = Math.abs(expected[column]) >= largest / 128 ? 0 : largest / (1 << 15);
        assertThat(integer * scale)
            .as("row %d, column %d", row, column)
            .isCloseTo(expected[column], within(loss));
      }
    }
  }

  @Test
  void f32StaysAndMakesWhatIsBesideItF32() {
    DenseMatrix upper = matrix(DType.F32, 1, 3);
    DenseMatrix lower = matrix(DType.BF16, 1, 4);
    DeviceMatrix found = DeviceMatrix.of(upper, lower);
    for (int column = 0; column < COLUMNS; column++) {
      assertThat(found.floats().get(column)).isEqualTo(upper.values().getFloat(column));
      assertThat(found.floats().get(COLUMNS + column)).isEqualTo(lower.values().getFloat(column));
    }
  }

  @Test
  void whatIsNoNumberIsRefused() {
    DenseMatrix matrix = matrix(DType.BF16, 2, 5);
    matrix.values().data().setAtIndex(ValueLayout.JAVA_SHORT, COLUMNS + 7, (short) 0x7FC0);
    assertThatThrownBy(() -> DeviceMatrix.of(matrix))
        .isInstanceOf(DecoderException.class)
        .hasMessage("tensor \"matrix\" has NaN in it, expected finite numbers");
  }

  private static float largest(float... row) {
    float largest = 0;
    for (float value : row) {
      largest = Math.max(largest, Math.abs(value));
    }
    return largest;
  }

  private static DenseMatrix matrix(DType type, int rows, int seed) {
    SplittableRandom random = new SplittableRandom(seed);
    MemorySegment bits = Arena.ofAuto().allocate((long) rows * COLUMNS * type.bytes(), 64);
    for (int i = 0; i < rows * COLUMNS; i++) {
      float value = (float) Math.scalb(random.nextDouble(-1, 1), -random.nextInt(30));
      if (type == DType.BF16) {
        bits.setAtIndex(ValueLayout.JAVA_SHORT, i, BFloat16.fromFloat(value));
      } else {
        bits.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
      }
    }
    return new DenseMatrix(new TensorView("matrix", type, Shape.of(rows, COLUMNS), bits));
  }
}
