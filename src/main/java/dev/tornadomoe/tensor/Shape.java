package dev.tornadomoe.tensor;

import java.util.Arrays;

/// The dimensions of a tensor, outermost first. A scalar has none.
public final class Shape {
  private final long[] dimensions;

  private Shape(long[] dimensions) {
    this.dimensions = dimensions;
  }

  /// {@return a shape with these dimensions}
  ///
  /// @param dimensions lengths, the outermost first; none for a scalar
  /// @throws IllegalArgumentException for a negative dimension
  public static Shape of(long... dimensions) {
    for (long dimension : dimensions) {
      if (dimension < 0) {
        throw new IllegalArgumentException(
            "negative dimension in shape " + Arrays.toString(dimensions));
      }
    }
    return new Shape(dimensions.clone());
  }

  /// {@return how many dimensions there are}
  public int rank() {
    return dimensions.length;
  }

  /// {@return the length of a dimension}
  ///
  /// @param axis 0 for the outermost
  public long dimension(int axis) {
    return dimensions[axis];
  }

  /// {@return the product of the dimensions: 1 for a scalar}
  ///
  /// @throws ArithmeticException when it does not fit a long
  public long elements() {
    long product = 1;
    for (long dimension : dimensions) {
      product = Math.multiplyExact(product, dimension);
    }
    return product;
  }

  /// {@return whether these are exactly the dimensions}
  ///
  /// @param expected lengths, the outermost first
  public boolean is(long... expected) {
    return Arrays.equals(dimensions, expected);
  }

  /// {@return this shape without its outermost dimension}
  ///
  /// @throws IllegalStateException for a scalar
  public Shape inner() {
    if (dimensions.length == 0) {
      throw new IllegalStateException("a scalar has no inner shape");
    }
    return new Shape(Arrays.copyOfRange(dimensions, 1, dimensions.length));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape shape && Arrays.equals(dimensions, shape.dimensions);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dimensions);
  }

  /// As in `[128, 768, 2048]`.
  @Override
  public String toString() {
    return Arrays.toString(dimensions);
  }
}
