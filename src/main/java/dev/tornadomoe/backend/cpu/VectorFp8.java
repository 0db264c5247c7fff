package dev.tornadomoe.backend.cpu;

import static dev.tornadomoe.backend.cpu.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.Species.INT;
import static dev.tornadomoe.backend.cpu.Species.LANES;
import static dev.tornadomoe.backend.cpu.VectorBytes.BYTES;
import static dev.tornadomoe.backend.cpu.VectorBytes.PARTS;

import dev.tornadomoe.tensor.Float8E4M3;
import dev.tornadomoe.tensor.Fp8Matrix;
import dev.tornadomoe.tensor.GroupGrid;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Decodes FP8: an element's exponent and mantissa go to the places that F32 has for them, and a
/// factor makes up for the difference of the biases; subnormals come out right by it too.
final class VectorFp8 implements RowDecoder {
  /// 2^(127 - 7).
  private static final float REBIAS = 0x1p120f;

  private final Fp8Matrix matrix;
  private final MemorySegment data;
  private final GroupGrid scales;
  private final int columns;
  private final int groupSize;

  VectorFp8(Fp8Matrix matrix) {
    this.matrix = matrix;
    this.data = matrix.values().data();
    this.scales = matrix.scales();
    this.columns = matrix.columns();
    this.groupSize = scales.groupSize(columns);
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
        IntVector magnitude = bits.and(0x7F);
        magnitude
            .lanewise(VectorOperators.LSHL, 20)
            .or(bits.and(Integer.MIN_VALUE))
            .reinterpretAsFloats()
            .mul(REBIAS)
            .mul(scale)
            .blend(Float.NaN, magnitude.compare(VectorOperators.EQ, 0x7F).cast(FLOAT))
            .intoArray(target, at + i + part * LANES);
      }
    }
    for (int i = vectors; i < count; i++) {
      target[at + i] = Float8E4M3.toFloat(data.get(ValueLayout.JAVA_BYTE, first + i)) * scale;
    }
  }
}
