package dev.tornadomoe.tensor;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;

/// Weights of 4 or 8 bits with a scale and a float that is added for each group of columns, as MLX
/// has them: `value = scale * q + bias`, with q from 0. Of two elements in a byte the lower column
/// is in the lower nibble.
///
/// @param bits of an element, 4 or 8
/// @param groupSize columns per scale, a multiple of 8
/// @param columns input features, a multiple of the group size
/// @param elements `[rows, columns * bits / 8]` bytes, in words or not
/// @param scales F32, F16 or BF16, `[rows, columns / groupSize]`
/// @param biases of the same shape
public record AffineMatrix(
    int bits, int groupSize, int columns, TensorView elements, TensorView scales, TensorView biases)
    implements WeightMatrix {

  /// Checks the parts against each other.
  ///
  /// @throws IllegalArgumentException when the parts do not fit each other
  public AffineMatrix {
    if ((bits != 4 && bits != 8)
        || groupSize < 8
        || groupSize % 8 != 0
        || columns % groupSize != 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "%d columns of %d bits in groups of %d", columns, bits, groupSize));
    }
    long rows = scales.shape().dimension(0);
    if (!scales.dtype().isFloat()
        || !biases.dtype().isFloat()
        || !scales.shape().is(rows, columns / groupSize)
        || !biases.shape().is(rows, columns / groupSize)
        || elements.data().byteSize() != rows * columns * bits / 8) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "elements %s, scales %s and biases %s don't fit %d columns in groups of %d",
              elements.shape(),
              scales.shape(),
              biases.shape(),
              columns,
              groupSize));
    }
  }

  /// {@return the coding of elements of so many bits}
  ///
  /// @param bits 4 or 8
  public static Coding coding(int bits) {
    return bits == 4 ? Coding.AFFINE4 : Coding.AFFINE8;
  }

  @Override
  public int rows() {
    return Math.toIntExact(scales.shape().dimension(0));
  }

  @Override
  public WeightFormat format() {
    return WeightFormat.scaled(coding(bits), scales.dtype(), 1, groupSize);
  }

  @Override
  public List<MemorySegment> memory() {
    return List.of(elements.data(), scales.data(), biases.data());
  }

  /// {@return an element as it is stored, from 0}
  ///
  /// @param row from 0
  /// @param column from 0
  public int element(int row, int column) {
    long at = (long) row * columns + column;
    return bits == 8
        ? elements.data().get(JAVA_BYTE, at) & 0xFF
        : (elements.data().get(JAVA_BYTE, at / 2) >>> (column % 2 * 4)) & 15;
  }

  /// {@return a group's scale}
  ///
  /// @param row from 0
  /// @param group of columns, from 0
  public float scale(int row, int group) {
    return scales.getFloat((long) row * (columns / groupSize) + group);
  }

  /// {@return what is added to a group's values once they are scaled}
  ///
  /// @param row from 0
  /// @param group of columns, from 0
  public float bias(int row, int group) {
    return biases.getFloat((long) row * (columns / groupSize) + group);
  }

  @Override
  public void decodeRow(int row, float[] target, int at) {
    for (int from = 0, g = 0; from < columns; from += groupSize, g++) {
      float scale = scale(row, g);
      float bias = bias(row, g);
      for (int column = from; column < from + groupSize; column++) {
        target[at + column] = scale * element(row, column) + bias;
      }
    }
  }
}
