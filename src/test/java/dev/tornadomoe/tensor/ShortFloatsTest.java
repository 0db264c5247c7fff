package dev.tornadomoe.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/// E2M1 and E8M0, all of their values.
class ShortFloatsTest {

  /// OCP MX 1.0, table 5.
  @Test
  void e2m1IsASignTwoBitsOfExponentAndOneOfMantissa() {
    float[] positive = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    for (int bits = 0; bits < 8; bits++) {
      assertThat(Float4E2M1.toFloat(bits)).isEqualTo(positive[bits]);
      assertThat(Float4E2M1.toFloat(bits + 8)).isEqualTo(-positive[bits]);
      assertThat(Float4E2M1.toFloat(bits + 0xF0))
          .as("the upper bits don't count")
          .isEqualTo(positive[bits]);
    }
  }

  @Test
  void e8m0IsAPowerOfTwo() {
    for (int bits = 0; bits < 255; bits++) {
      assertThat((double) Float8E8M0.toFloat((byte) bits)).isEqualTo(Math.pow(2, bits - 127));
    }
    assertThat(Float8E8M0.toFloat((byte) 255)).isNaN();
  }
}
