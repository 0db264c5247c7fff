package dev.tornadomoe.tensor;

import java.util.Locale;

/// How a weight matrix keeps its elements: as floats, or in fewer bits with a scale for each block
/// of rows and columns. Says what an expert kernel must be able to read, and how many bytes one
/// pass over the matrix moves.
///
/// @param coding how elements are laid out
/// @param element F32, F16 or BF16 for dense weights; for all others the type of the scales
/// @param rowsPerScale rows that share a scale, 0 for all of them; 1 for dense weights
/// @param groupSize columns that share a scale, 0 for all of a row; 0 for dense weights
/// @param zeroPoints whether each group has its own zero point (otherwise int4's is 8, int8's 0)
/// @param actOrder whether the columns are stored in another order than the activations have, or
///   belong to groups in another order
public record WeightFormat(
    Coding coding,
    DType element,
    int rowsPerScale,
    int groupSize,
    boolean zeroPoints,
    boolean actOrder) {

  /// Checks the element type.
  ///
  /// @throws IllegalArgumentException for an element type that weights don't have
  public WeightFormat {
    boolean isPlain = coding.equals(Coding.DENSE) || coding.equals(Coding.INT4);
    if (isPlain && !element.isFloat()) {
      throw new IllegalArgumentException("weights or scales of type " + element);
    }
    boolean needsGroup = coding.equals(Coding.INT4);
    if (groupSize < 0 || rowsPerScale < 0 || (needsGroup && groupSize == 0)) {
      throw new IllegalArgumentException("group size " + groupSize);
    }
  }

  /// {@return the format of unquantised weights}
  ///
  /// @param element F32, F16 or BF16
  public static WeightFormat dense(DType element) {
    return new WeightFormat(Coding.DENSE, element, 1, 0, false, false);
  }

  /// {@return the format of 4-bit weights}
  ///
  /// @param scales type of the scales
  /// @param groupSize columns per scale
  /// @param zeroPoints whether groups have zero points
  /// @param actOrder whether columns are stored in an order of their groups
  public static WeightFormat int4(
      DType scales, int groupSize, boolean zeroPoints, boolean actOrder) {
    return new WeightFormat(Coding.INT4, scales, 1, groupSize, zeroPoints, actOrder);
  }

  /// Weights of another coding with a scale for each block of rows and columns.
  ///
  /// @param coding of the elements
  /// @param scales type of the scales
  /// @param rowsPerScale 0 for all of them
  /// @param groupSize columns per scale, 0 for all of them
  /// @return the format, without zero points
  public static WeightFormat scaled(Coding coding, DType scales, int rowsPerScale, int groupSize) {
    return new WeightFormat(coding, scales, rowsPerScale, groupSize, false, false);
  }

  /// {@return whether elements are floats without scales}
  public boolean isDense() {
    return coding.equals(Coding.DENSE);
  }

  /// {@return whether elements are 4-bit integers}
  public boolean isInt4() {
    return coding.equals(Coding.INT4);
  }

  /// {@return how many bytes one reading of a matrix of this format moves: elements, scales and
  /// zero points}
  ///
  /// @param rows of the matrix
  /// @param columns of the matrix
  public long bytes(int rows, int columns) {
    if (isDense()) {
      return (long) rows * columns * element.bytes();
    }
    long elements = rows * coding.rowBytes(columns);
    if (coding.scalesInside()) {
      return elements;
    }
    long groups =
        (rowsPerScale == 0 ? 1L : Math.ceilDiv(rows, rowsPerScale))
            * (groupSize == 0 ? 1 : Math.ceilDiv(columns, groupSize));
    boolean isAffine = coding.equals(Coding.AFFINE4) || coding.equals(Coding.AFFINE8);
    long offsets = isAffine ? groups * element.bytes() : zeroPoints ? groups : 0;
    return elements + groups * element.bytes() + offsets;
  }

  /// As in `BF16`, `int4 g32 (BF16 scales, zero points, act-order)`, `fp8 128x128 (F32 scales)` or
  /// `Q4_K`.
  @Override
  public String toString() {
    if (isDense()) {
      return element.name();
    }
    if (coding.scalesInside()) {
      return coding.name();
    }
    return String.format(
        Locale.ROOT,
        "%s %s (%s %s%s%s)",
        coding.name(),
        granularity(),
        element,
        rowsPerScale == 0 && groupSize == 0 ? "scale" : "scales",
        zeroPoints ? ", zero points" : "",
        actOrder ? ", act-order" : "");
  }

  private String granularity() {
    if (rowsPerScale == 1) {
      return groupSize == 0 ? "per channel" : "g" + groupSize;
    }
    return rowsPerScale == 0 && groupSize == 0
        ? "per tensor"
        : String.format(Locale.ROOT, "%dx%d", rowsPerScale, groupSize);
  }
}
