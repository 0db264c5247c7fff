package dev.tornadomoe.tensor;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;

/// FP8 E4M3 weights, a byte each: `value = element * scale`, with a scale per tensor, per row or
/// per tile (DeepSeek's 128x128).
///
/// @param values F8_E4M3 `[stored rows, columns]`
/// @param selection which of the stored rows are the matrix
/// @param scales for each block of rows and columns
public record Fp8Matrix(TensorView values, RowSelection selection, GroupGrid scales)
    implements WeightMatrix {
  /// Checks the parts against each other.
  ///
  /// @throws IllegalArgumentException when the parts do not fit each other
  public Fp8Matrix {
    if (values.dtype() != DType.F8_E4M3 || values.shape().rank() != 2) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor \"%s\" is %s %s, expected a matrix of F8_E4M3",
              values.name(),
              values.dtype(),
              values.shape()));
    }
    selection.requireWithin(values.shape().dimension(0));
    scales.requireCovers(Math.toIntExact(values.shape().dimension(1)));
  }

  @Override
  public int rows() {
    return selection.count();
  }

  @Override
  public int columns() {
    return Math.toIntExact(values.shape().dimension(1));
  }

  @Override
  public WeightFormat format() {
    return WeightFormat.scaled(
        Coding.FP8, scales.values().dtype(), scales.rowsPerValue(), scales.columnsPerValue());
  }

  @Override
  public List<MemorySegment> memory() {
    return List.of(values.data(), scales.values().data());
  }

  @Override
  public void decodeRow(int row, float[] target, int at) {
    int columns = columns();
    int group = scales.groupSize(columns);
    long start = (long) selection.stored(row) * columns;
    MemorySegment data = values.data();
    for (int from = 0, g = 0; from < columns; from += group, g++) {
      float scale = scales.scale(row, g);
      int to = Math.min(columns - from, group) + from;
      for (int column = from; column < to; column++) {
        target[at + column] = Float8E4M3.toFloat(data.get(JAVA_BYTE, start + column)) * scale;
      }
    }
  }
}
