package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/// Rows of hidden states, and their comparison.
public final class Rows {
  private Rows() {}

  public static float[] random(int count, long seed) {
    Random random = new Random(seed);
    float[] rows = new float[count];
    for (int i = 0; i < count; i++) {
      rows[i] = (float) random.nextGaussian();
    }
    return rows;
  }

  public static MemorySegment of(float[] rows) {
    return MemorySegment.ofArray(rows);
  }

  public static MemorySegment of(int[] ids) {
    return MemorySegment.ofArray(ids);
  }

  /// max |error| <= tolerance x rms(expected).
  public static void assertClose(float[] found, double[] expected, double tolerance) {
    assertThat(found).hasSameSizeAs(new float[expected.length]);
    double squares = 0;
    double most = 0;
    for (int i = 0; i < expected.length; i++) {
      squares += expected[i] * expected[i];
      most = Math.max(most, Math.abs(expected[i] - found[i])); // keeps a NaN
    }
    double rms = Math.sqrt(squares / expected.length);
    assertThat(rms).as("rms of the expected rows").isGreaterThan(1e-3);
    assertThat(most / rms).as("max |error| / rms").isLessThanOrEqualTo(tolerance);
  }

  /// The bits, so that -0.0 and NaNs count too.
  public static int[] bits(float[] rows) {
    return MemorySegment.ofArray(rows).toArray(ValueLayout.JAVA_INT);
  }
}
