package dev.tornadomoe.tensor;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;

/// NVFP4 weights: two E2M1 to a byte, the lower column in the lower nibble, an E4M3 scale for each
/// 16 columns, and one factor for the whole matrix: `value = element * (scale * factor)`.
///
/// @param columns input features
/// @param packed U8 `[rows, ceil(columns / 2)]`
/// @param scales F8_E4M3 `[rows, ceil(columns / 16)]`
/// @param factor on every scale
public record Nvfp4Matrix(int columns, TensorView packed, TensorView scales, float factor)
    implements WeightMatrix {
  /// Columns per scale.
  public static final int GROUP = 16;

  /// Checks the parts against each other.
  ///
  /// @throws IllegalArgumentException when the parts do not fit each other
  public Nvfp4Matrix {
    if (packed.shape().rank() != 2
        || packed.dtype() != DType.U8
        || packed.shape().dimension(1) != Math.ceilDiv(columns, 2)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "elements are %s %s, expected two of %d columns to a byte",
              packed.dtype(),
              packed.shape(),
              columns));
    }
    if (scales.dtype() != DType.F8_E4M3
        || !scales.shape().is(packed.shape().dimension(0), Math.ceilDiv(columns, GROUP))) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "scales are %s %s, expected one F8_E4M3 for each 16 columns",
              scales.dtype(),
              scales.shape()));
    }
  }

  @Override
  public int rows() {
    return Math.toIntExact(packed.shape().dimension(0));
  }

  @Override
  public WeightFormat format() {
    return WeightFormat.scaled(Coding.NVFP4, DType.F8_E4M3, 1, GROUP);
  }

  @Override
  public List<MemorySegment> memory() {
    return List.of(packed.data(), scales.data());
  }

  /// {@return the first byte of a row's elements}
  ///
  /// @param row of the matrix, from 0
  public long packedAt(int row) {
    return row * packed.shape().dimension(1);
  }

  /// {@return a row's scale for 16 columns, the factor included}
  ///
  /// @param row of the matrix, from 0
  /// @param group of 16 columns, from 0
  public float scale(int row, int group) {
    return scales.getFloat(row * scales.shape().dimension(1) + group) * factor;
  }

  @Override
  public void decodeRow(int row, float[] target, int at) {
    long start = packedAt(row);
    for (int from = 0, g = 0; from < columns; from += GROUP, g++) {
      int count = Math.min(columns - from, GROUP);
      Fp4Pairs.decode(packed.data(), start + from / 2, count, scale(row, g), target, at + from);
    }
  }
}
