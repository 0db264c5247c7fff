package dev.tornadomoe.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class BFloat16Test {
  private static final int INFINITY = 0x7F80;

  @Test
  void everyPatternMeansSignExponentAndSevenBits() {
    for (int bits = 0; bits <= 0xFFFF; bits++) {
      float value = BFloat16.toFloat((short) bits);
      int exponent = bits >>> 7 & 0xFF;
      int mantissa = bits & 0x7F;
      double magnitude =
          exponent == 0
              ? mantissa / 128.0 * Math.pow(2, -126)
              : (1 + mantissa / 128.0) * Math.pow(2, exponent - 127);
      if (exponent == 0xFF) {
        magnitude = mantissa == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
      }
      double expected = bits < 0x8000 ? magnitude : -magnitude;
      assertThat(Double.compare(value, expected)).as("0x%04X: %s", bits, value).isZero();
    }
  }

  @Test
  void everyPatternSurvivesTheWayThroughFloat() {
    for (int bits = 0; bits <= 0xFFFF; bits++) {
      float value = BFloat16.toFloat((short) bits);
      int back = BFloat16.fromFloat(value) & 0xFFFF;
      if (Float.isNaN(value)) {
        assertThat(isNaN(back)).as("0x%04X -> 0x%04X", bits, back).isTrue();
        assertThat(back & 0x8000).as("sign of 0x%04X", bits).isEqualTo(bits & 0x8000);
      } else {
        assertThat(back).as("0x%04X", bits).isEqualTo(bits);
      }
    }
  }

  /// Between each two neighbours: a tie goes to the even one, one float beside the tie to the
  /// nearer one. The last pair is the largest finite number and infinity.
  @Test
  void roundsToTheNearestAndTiesToEven() {
    for (int sign = 0; sign <= 0x8000; sign += 0x8000) {
      for (int lower = 0; lower < INFINITY; lower++) {
        int even = lower % 2 == 0 ? lower : lower + 1;
        int tie = (sign | lower) << 16 | 0x8000;
        assertRounds(tie - 1, sign | lower);
        assertRounds(tie, sign | even);
        assertRounds(tie + 1, sign | (lower + 1));
      }
    }
  }

  @Test
  void infinitiesStay() {
    assertThat(BFloat16.fromFloat(Float.POSITIVE_INFINITY)).isEqualTo((short) 0x7F80);
    assertThat(BFloat16.fromFloat(Float.NEGATIVE_INFINITY)).isEqualTo((short) 0xFF80);
    assertThat(BFloat16.fromFloat(Float.MAX_VALUE)).isEqualTo((short) 0x7F80);
  }

  @Test
  void notANumberStaysSoWhereverItsBitsAre() {
    for (int bit = 0; bit < 23; bit++) {
      for (int sign : new int[] {0, 0x8000_0000}) {
        int source = sign | 0x7F80_0000 | 1 << bit;
        int bits = BFloat16.fromFloat(Float.intBitsToFloat(source)) & 0xFFFF;
        assertThat(isNaN(bits)).as("0x%08X -> 0x%04X", source, bits).isTrue();
        assertThat(bits >>> 15).as("sign of 0x%08X", source).isEqualTo(source >>> 31);
      }
    }
  }

  private static void assertRounds(int floatBits, int expected) {
    int found = BFloat16.fromFloat(Float.intBitsToFloat(floatBits)) & 0xFFFF;
    if (found != expected) { // AssertJ for each of 200,000 values would take seconds
      assertThat(found).as("0x%08X", floatBits).isEqualTo(expected);
    }
  }

  private static boolean isNaN(int bits) {
    return (bits & INFINITY) == INFINITY && (bits & 0x7F) != 0;
  }
}
