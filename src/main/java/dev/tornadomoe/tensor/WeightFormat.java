package dev.tornadomoe.tensor;

/// How a weight matrix keeps its elements: a dense type, or 4 bits with a scale per group of
/// columns. Says what an expert kernel must be able to read, and how many bytes one pass over the
/// matrix moves.
///
/// @param element F32, F16 or BF16 for dense weights; for 4-bit weights the type of the scales
/// @param groupSize columns per scale, 0 for dense weights
/// @param zeroPoints whether each group has a zero point of its own (otherwise it is 8)
/// @param actOrder whether the columns are stored in another order than the activations have
public record WeightFormat(DType element, int groupSize, boolean zeroPoints, boolean actOrder) {

  /// @throws IllegalArgumentException for an element type that weights don't have
  public WeightFormat {
    if (!element.isFloat()) {
      throw new IllegalArgumentException("weights or scales of type " + element);
    }
    if (groupSize < 0 || (groupSize == 0 && (zeroPoints || actOrder))) {
      throw new IllegalArgumentException("group size " + groupSize);
    }
  }

  /// Unquantised weights.
  public static WeightFormat dense(DType element) {
    return new WeightFormat(element, 0, false, false);
  }

  /// 4-bit weights.
  public static WeightFormat int4(
      DType scales, int groupSize, boolean zeroPoints, boolean actOrder) {
    return new WeightFormat(scales, groupSize, zeroPoints, actOrder);
  }

  public boolean isInt4() {
    return groupSize > 0;
  }

  /// Bytes that one reading of a matrix of this format moves: elements, scales and zero points.
  public long bytes(int rows, int columns) {
    if (!isInt4()) {
      return (long) rows * columns * element.bytes();
    }
    long groups = (long) rows * Math.ceilDiv(columns, groupSize);
    long words = (long) rows * Math.ceilDiv(columns, 8);
    return words * 4 + groups * element.bytes() + (zeroPoints ? groups : 0);
  }

  /// As in `BF16` or `int4 g32 (BF16 scales, zero points, act-order)`.
  @Override
  public String toString() {
    if (!isInt4()) {
      return element.name();
    }
    return "int4 g%d (%s scales%s%s)"
        .formatted(
            groupSize, element, zeroPoints ? ", zero points" : "", actOrder ? ", act-order" : "");
  }
}
