package dev.tornadomoe.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ShapeTest {
  @Test
  void countsElements() {
    assertThat(Shape.of(128, 768, 2048).elements()).isEqualTo(201_326_592L);
    assertThat(Shape.of(1L << 31, 1L << 31).elements()).isEqualTo(1L << 62);
  }

  @Test
  void aScalarHasOneElementAndNoDimension() {
    Shape scalar = Shape.of();
    assertThat(scalar.rank()).isZero();
    assertThat(scalar.elements()).isOne();
    assertThat(scalar).hasToString("[]");
    assertThatThrownBy(scalar::inner).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aDimensionOfZeroLeavesNoElements() {
    assertThat(Shape.of(3, 0, 5).elements()).isZero();
  }

  @Test
  void refusesNegativeDimensions() {
    assertThatThrownBy(() -> Shape.of(2, -1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("[2, -1]");
  }

  @Test
  void refusesToCountMoreThanALongHolds() {
    Shape shape = Shape.of(1L << 32, 1L << 31);
    assertThatThrownBy(shape::elements).isInstanceOf(ArithmeticException.class);
  }

  @Test
  void comparesByDimensions() {
    assertThat(Shape.of(2, 3))
        .isEqualTo(Shape.of(2, 3))
        .hasSameHashCodeAs(Shape.of(2, 3))
        .isNotEqualTo(Shape.of(3, 2))
        .isNotEqualTo(Shape.of(2, 3, 1));
    assertThat(Shape.of(2, 3).is(2, 3)).isTrue();
    assertThat(Shape.of(2, 3).is(2)).isFalse();
  }

  @Test
  void dropsTheOutermostDimension() {
    assertThat(Shape.of(4, 2, 3).inner()).isEqualTo(Shape.of(2, 3));
    assertThat(Shape.of(4).inner()).isEqualTo(Shape.of());
  }

  @Test
  void keepsNoReferenceToTheCallersArray() {
    long[] dimensions = {2, 3};
    Shape shape = Shape.of(dimensions);
    dimensions[0] = 9;
    assertThat(shape.dimension(0)).isEqualTo(2);
    assertThat(shape).hasToString("[2, 3]");
  }
}
