package dev.tornadomoe.parallel;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Rows in 8 bits, against the errors that [DispatchFormat] promises.
class RowCodecTest {
  private static final int HIDDEN = 300; // two groups and a part of one

  private static float[] throughAndBack(DispatchFormat format, float[] row) {
    RowCodec codec = new RowCodec(format, row.length);
    MemorySegment codes = MemorySegment.ofArray(new byte[format.rowBytes(row.length) + 3]);
    float[] back = new float[row.length];
    codec.encode(MemorySegment.ofArray(row), 0, codes, 3);
    codec.decode(codes, 3, MemorySegment.ofArray(back), 0);
    return back;
  }

  private static float most(float[] row, int at) {
    int first = at / DispatchFormat.GROUP * DispatchFormat.GROUP;
    float most = 0;
    for (int i = first; i < Math.min(row.length, first + DispatchFormat.GROUP); i++) {
      most = Math.max(most, Math.abs(row[i]));
    }
    return most;
  }

  @ParameterizedTest
  @EnumSource(names = {"INT8", "FP8"})
  void valuesAreOffByNoMoreThanIsSaid(DispatchFormat format) {
    Random random = new Random(5);
    for (float spread : new float[] {1e-30f, 1e-3f, 1, 1e4f, 1e30f}) {
      float[] row = new float[HIDDEN];
      for (int i = 0; i < HIDDEN; i++) {
        row[i] = (float) (random.nextGaussian() * Math.exp(3 * random.nextGaussian())) * spread;
      }
      float[] back = throughAndBack(format, row);
      for (int i = 0; i < HIDDEN; i++) {
        double allowed =
            format == DispatchFormat.INT8
                ? most(row, i) / 254.0
                : Math.max(Math.abs(row[i]) / 16.0, most(row, i) / 458752.0);
        assertThat(Math.abs((double) row[i] - back[i]))
            .as("%s of %s in a group of %s", back[i], row[i], most(row, i))
            .isLessThanOrEqualTo(allowed * 1.00001);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"INT8", "FP8"})
  void zerosStayAndWhatIsNoNumberIsNoneAfterwards(DispatchFormat format) {
    float[] row = new float[HIDDEN];
    assertThat(throughAndBack(format, row)).isEqualTo(row);
    row[0] = Float.MIN_VALUE; // too small for a scale
    assertThat(throughAndBack(format, row)).isEqualTo(new float[HIDDEN]);
    for (float hole : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      Arrays.fill(row, 1);
      row[130] = hole;
      float[] back = throughAndBack(format, row);
      assertThat(back[130]).isNaN();
      assertThat(Arrays.copyOf(back, DispatchFormat.GROUP)).containsOnly(1);
    }
  }
}
