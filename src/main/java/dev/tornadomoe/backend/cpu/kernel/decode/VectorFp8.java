package dev.tornadomoe.backend.cpu.kernel.decode;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;
import static dev.tornadomoe.backend.cpu.kernel.decode.VectorBytes.BYTES;
import static dev.tornadomoe.backend.cpu.kernel.decode.VectorBytes.PARTS;

import dev.tornadomoe.backend.cpu.kernel.Species;
import dev.tornadomoe.tensor.Float8E4M3;
import dev.tornadomoe.tensor.Fp8Matrix;
import dev.tornadomoe.tensor.GroupGrid;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Decodes FP8: an element's exponent and mantissa go to the places that F32 has for them, and a
/// factor makes up for the difference of the biases; subnormals come out right by it too.
final class VectorFp8 implements RowDecoder {
  /// 2^(127 - 7).
  private static final float REBIAS = 0x1p120f;

  /// Columns that are multiplied at once; groups consist of whole chunks. How many turns the loop
  /// has is known to the compiler, and of few it makes slower code.
  private static final int CHUNK = 128;

  /// The bits of exponent and mantissa, which are all set in a NaN and nowhere else.
  private static final byte MAGNITUDE = 0x7F;

  /// Sign, exponent and mantissa in an F32's places.
  private static final int FIELDS = 0x87F0_0000;

  private final Fp8Matrix matrix;
  private final MemorySegment data;
  private final GroupGrid scales;
  private final int columns;
  private final int groupSize;
  private final boolean whole;

  VectorFp8(Fp8Matrix matrix) {
    this.matrix = matrix;
    this.data = matrix.values().data();
    this.scales = matrix.scales();
    this.columns = matrix.columns();
    this.groupSize = scales.groupSize(columns);
    this.whole = columns % CHUNK == 0 && (groupSize >= columns || groupSize % CHUNK == 0);
  }

  @Override
  public void decode(int row, float[] target, int at) {
    long start = (long) matrix.selection().stored(row) * columns;
    for (int from = 0, group = 0; from < columns; from += groupSize, group++) {
      int count = Math.min(groupSize, columns - from);
      decode(start + from, count, scales.scale(row, group), target, at + from);
    }
  }

  private void decode(long first, int count, float scale, float[] target, int at) {
    int vectors = BYTES.loopBound(count);
    for (int i = 0; i < vectors; i += BYTES.length()) {
      ByteVector bytes = ByteVector.fromMemorySegment(BYTES, data, first + i, Species.ORDER);
      for (int part = 0; part < PARTS; part++) {
        IntVector bits =
            (IntVector) bytes.convertShape(VectorOperators.B2I, INT, part); // the sign is on top
        bits.lanewise(VectorOperators.LSHL, 20)
            .and(FIELDS)
            .reinterpretAsFloats()
            .mul(REBIAS)
            .mul(scale)
            .blend(
                Float.NaN, bits.and(MAGNITUDE).compare(VectorOperators.EQ, MAGNITUDE).cast(FLOAT))
            .intoArray(target, at + i + part * LANES);
      }
    }
    for (int i = vectors; i < count; i++) {
      target[at + i] = Float8E4M3.toFloat(data.get(ValueLayout.JAVA_BYTE, first + i)) * scale;
    }
  }

  @Override
  public boolean multiply(int row, int count, float[] x, float[] work, int sums) {
    if (!whole) {
      return false;
    }
    for (int r = row; r < row + count; r++) {
      if (r == row || !scales.shares(r - 1, r)) {
        if (!factors(r, work)) {
          return false;
        }
      }
      oneRow(r, x, work, sums + (r - row) * LANES);
    }
    return true;
  }

  /// Writes what elements of each group are multiplied by.
  ///
  /// @return false where a scale and REBIAS overflow together
  private boolean factors(int row, float[] factors) {
    boolean fits = true;
    for (int from = 0, group = 0; from < columns; from += groupSize, group++) {
      float factor = scales.scale(row, group) * REBIAS;
      fits &= Math.abs(factor) <= Float.MAX_VALUE;
      factors[group] = factor;
    }
    return fits;
  }

  /// A row with a NaN has the sum NaN whatever it is multiplied by.
  private void oneRow(int row, float[] x, float[] work, int sumAt) {
    long start = (long) matrix.selection().stored(row) * columns;
    FloatVector sum = FloatVector.zero(FLOAT);
    ByteVector largest = ByteVector.zero(BYTES);
    for (int from = 0; from < columns; from += CHUNK) {
      FloatVector factor = FloatVector.broadcast(FLOAT, work[from / groupSize]);
      for (int c = from; c < from + CHUNK; c += BYTES.length()) {
        ByteVector bytes = ByteVector.fromMemorySegment(BYTES, data, start + c, Species.ORDER);
        largest = largest.max(bytes.and(MAGNITUDE));
        for (int part = 0; part < PARTS; part++) {
          sum =
              ((IntVector) bytes.convertShape(VectorOperators.B2I, INT, part))
                  .lanewise(VectorOperators.LSHL, 20)
                  .and(FIELDS)
                  .reinterpretAsFloats()
                  .mul(factor)
                  .fma(FloatVector.fromArray(FLOAT, x, c + part * LANES), sum);
        }
      }
    }
    if (largest.reduceLanes(VectorOperators.MAX) == MAGNITUDE) {
      sum = FloatVector.broadcast(FLOAT, Float.NaN);
    }
    sum.intoArray(work, sumAt);
  }
}
