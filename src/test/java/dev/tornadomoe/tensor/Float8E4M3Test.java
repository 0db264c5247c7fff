package dev.tornadomoe.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Float8E4M3Test {
  /// An IEEE half has the same fields, wider: put there, a code means its value times 2^(7 - 15).
  @Test
  void everyCodeIsAHalfWithTheBiasMoved() {
    for (int code = 0; code < 256; code++) {
      int magnitude = code & 0x7F;
      float half = Float.float16ToFloat((short) ((code & 0x80) << 8 | magnitude << 7));
      float expected = magnitude == 0x7F ? Float.NaN : half * 256;
      float found = Float8E4M3.toFloat((byte) code);
      assertThat(Float.compare(found, expected)).as("0x%02X: %s", code, found).isZero();
    }
  }

  @Test
  void everyCodeComesBack() {
    for (int code = 0; code < 0x7F; code++) {
      float value = Float8E4M3.toFloat((byte) code);
      assertThat(Float8E4M3.fromFloat(value) & 0xFF).as("0x%02X", code).isEqualTo(code);
      assertThat(Float8E4M3.fromFloat(-value) & 0xFF).isEqualTo(code | 0x80);
    }
    assertThat(Float8E4M3.fromFloat(Float.NaN) & 0x7F).isEqualTo(0x7F);
  }

  /// Against a search through all codes; in the middle the one with an even mantissa wins.
  @Test
  void roundsToTheNearest() {
    Random random = new Random(9);
    for (int i = 0; i < 20_000; i++) {
      float value = (float) (random.nextGaussian() * Math.exp(4 * random.nextGaussian()));
      assertNearest(value);
      // Exactly between two codes.
      int code = random.nextInt(0x7E);
      assertNearest((Float8E4M3.toFloat((byte) code) + Float8E4M3.toFloat((byte) (code + 1))) / 2);
    }
    assertThat(Float8E4M3.fromFloat(1e9f)).isEqualTo((byte) 0x7E);
    assertThat(Float8E4M3.fromFloat(Float.NEGATIVE_INFINITY)).isEqualTo((byte) 0xFE);
  }

  private static void assertNearest(float value) {
    int best = 0;
    for (int code = 0; code < 0x7F; code++) {
      double off = Math.abs((double) Float8E4M3.toFloat((byte) code) - Math.abs(value));
      double least = Math.abs((double) Float8E4M3.toFloat((byte) best) - Math.abs(value));
      if (off < least || (off == least && code % 2 == 0)) {
        best = code;
      }
    }
    int sign = value < 0 ? 0x80 : 0;
    assertThat(Float8E4M3.fromFloat(value) & 0xFF).as("%s", value).isEqualTo(sign | best);
  }

  /// Values from the table of the OFP8 specification.
  @ParameterizedTest
  @CsvSource({
    "0x00, 0",
    "0x01, 0.001953125",
    "0x07, 0.013671875",
    "0x08, 0.015625",
    "0x38, 1",
    "0x39, 1.125",
    "0x7E, 448",
    "0x78, 256",
    "0xB8, -1",
    "0xFE, -448",
    "0x81, -0.001953125"
  })
  void hasTheValuesOfTheSpecification(int code, float value) {
    assertThat(Float8E4M3.toFloat((byte) code)).isEqualTo(value);
  }

  @Test
  void zeroKeepsItsSign() {
    assertThat(1 / Float8E4M3.toFloat((byte) 0x80)).isEqualTo(Float.NEGATIVE_INFINITY);
    assertThat(1 / Float8E4M3.toFloat((byte) 0x00)).isEqualTo(Float.POSITIVE_INFINITY);
  }
}
