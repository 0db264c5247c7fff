package dev.tornadomoe.backend.cpu.kernel.decode;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;
import static dev.tornadomoe.backend.cpu.kernel.decode.VectorBytes.BYTES;
import static dev.tornadomoe.backend.cpu.kernel.decode.VectorBytes.PARTS;

import dev.tornadomoe.backend.cpu.kernel.Species;
import dev.tornadomoe.tensor.GroupGrid;
import dev.tornadomoe.tensor.Int8Matrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;

/// Decodes 8-bit integers whose groups follow each other.
final class VectorInt8 implements RowDecoder {
  private final MemorySegment data;
  private final long rowBytes;
  private final byte flip;
  private final GroupGrid scales;
  private final @Nullable GroupGrid zeros;
  private final int columns;
  private final int groupSize;
  private final boolean whole;

  VectorInt8(Int8Matrix matrix) {
    this.data = matrix.data();
    this.rowBytes = matrix.rowBytes();
    this.flip = (byte) matrix.offset();
    this.scales = matrix.scales();
    this.zeros = matrix.zeros();
    this.columns = matrix.columns();
    this.groupSize = scales.groupSize(columns);
    this.whole =
        columns % BYTES.length() == 0 && (groupSize >= columns || groupSize % BYTES.length() == 0);
  }

  @Override
  public void decode(int row, float[] target, int at) {
    long start = row * rowBytes;
    for (int from = 0, group = 0; from < columns; from += groupSize, group++) {
      int count = Math.min(groupSize, columns - from);
      int zero = zeros == null ? 0 : zeros.zero(row, group);
      decode(start + from, count, zero, scales.scale(row, group), target, at + from);
    }
  }

  private void decode(long first, int count, int zero, float scale, float[] target, int at) {
    int vectors = BYTES.loopBound(count);
    for (int i = 0; i < vectors; i += BYTES.length()) {
      ByteVector bytes =
          ByteVector.fromMemorySegment(BYTES, data, first + i, Species.ORDER)
              .lanewise(VectorOperators.XOR, flip);
      for (int part = 0; part < PARTS; part++) {
        IntVector elements = (IntVector) bytes.convertShape(VectorOperators.B2I, INT, part);
        ((FloatVector) elements.sub(zero).convertShape(VectorOperators.I2F, FLOAT, 0))
            .mul(scale)
            .intoArray(target, at + i + part * LANES);
      }
    }
    for (int i = vectors; i < count; i++) {
      int element = (byte) (data.get(ValueLayout.JAVA_BYTE, first + i) ^ flip);
      target[at + i] = (element - zero) * scale;
    }
  }

  @Override
  public boolean multiply(int row, int count, float[] x, float[] work, int sums) {
    if (!whole) {
      return false;
    }
    int r = 0;
    for (; r + 2 <= count; r += 2) {
      twoRows(row + r, x, work, sums + r * LANES);
    }
    if (r < count) {
      oneRow(row + r, x, work, sums + r * LANES);
    }
    return true;
  }

  /// Two rows, so that there is a sum to add to while the other's last addition is under way.
  private void twoRows(int row, float[] x, float[] work, int sumsAt) {
    long start = row * rowBytes;
    FloatVector sum0 = FloatVector.zero(FLOAT);
    FloatVector sum1 = sum0;
    for (int from = 0, group = 0; from < columns; from += groupSize, group++) {
      int zero0 = zeros == null ? 0 : zeros.zero(row, group);
      int zero1 = zeros == null ? 0 : zeros.zero(row + 1, group);
      FloatVector scale0 = FloatVector.broadcast(FLOAT, scales.scale(row, group));
      FloatVector scale1 = FloatVector.broadcast(FLOAT, scales.scale(row + 1, group));
      int end = Math.min(from + groupSize, columns);
      for (int c = from; c < end; c += BYTES.length()) {
        ByteVector bytes0 =
            ByteVector.fromMemorySegment(BYTES, data, start + c, Species.ORDER)
                .lanewise(VectorOperators.XOR, flip);
        ByteVector bytes1 =
            ByteVector.fromMemorySegment(BYTES, data, start + rowBytes + c, Species.ORDER)
                .lanewise(VectorOperators.XOR, flip);
        for (int part = 0; part < PARTS; part++) {
          FloatVector activation = FloatVector.fromArray(FLOAT, x, c + part * LANES);
          IntVector elements = (IntVector) bytes0.convertShape(VectorOperators.B2I, INT, part);
          sum0 =
              ((FloatVector) elements.sub(zero0).convertShape(VectorOperators.I2F, FLOAT, 0))
                  .mul(scale0)
                  .fma(activation, sum0);
          elements = (IntVector) bytes1.convertShape(VectorOperators.B2I, INT, part);
          sum1 =
              ((FloatVector) elements.sub(zero1).convertShape(VectorOperators.I2F, FLOAT, 0))
                  .mul(scale1)
                  .fma(activation, sum1);
        }
      }
    }
    sum0.intoArray(work, sumsAt);
    sum1.intoArray(work, sumsAt + LANES);
  }

  private void oneRow(int row, float[] x, float[] work, int sumAt) {
    long start = row * rowBytes;
    FloatVector sum = FloatVector.zero(FLOAT);
    for (int from = 0, group = 0; from < columns; from += groupSize, group++) {
      int zero = zeros == null ? 0 : zeros.zero(row, group);
      FloatVector scale = FloatVector.broadcast(FLOAT, scales.scale(row, group));
      int end = Math.min(from + groupSize, columns);
      for (int c = from; c < end; c += BYTES.length()) {
        ByteVector bytes =
            ByteVector.fromMemorySegment(BYTES, data, start + c, Species.ORDER)
                .lanewise(VectorOperators.XOR, flip);
        for (int part = 0; part < PARTS; part++) {
          IntVector elements = (IntVector) bytes.convertShape(VectorOperators.B2I, INT, part);
          sum =
              ((FloatVector) elements.sub(zero).convertShape(VectorOperators.I2F, FLOAT, 0))
                  .mul(scale)
                  .fma(FloatVector.fromArray(FLOAT, x, c + part * LANES), sum);
        }
      }
    }
    sum.intoArray(work, sumAt);
  }
}
