package dev.tornadomoe.backend.cpu.kernel.decode;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;
import static dev.tornadomoe.backend.cpu.kernel.Species.ORDER;
import static dev.tornadomoe.backend.cpu.kernel.decode.VectorBytes.BYTES;
import static dev.tornadomoe.backend.cpu.kernel.decode.VectorBytes.PARTS;

import dev.tornadomoe.tensor.BlockMatrix;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Q8_0.
final class VectorQ80 extends VectorBlocks {

  VectorQ80(BlockMatrix matrix) {
    super(matrix);
  }

  @Override
  void decodeBlock(MemorySegment data, long at, float[] target, int to) {
    float d = half(data, at);
    for (int i = 0; i < 32; i += BYTES.length()) {
      ByteVector bytes = ByteVector.fromMemorySegment(BYTES, data, at + 2 + i, ORDER);
      for (int part = 0; part < PARTS; part++) {
        IntVector q = (IntVector) bytes.convertShape(VectorOperators.B2I, INT, part);
        ((FloatVector) q.convertShape(VectorOperators.I2F, FLOAT, 0))
            .mul(d)
            .intoArray(target, to + i + part * LANES);
      }
    }
  }

  @Override
  public boolean multiply(int row, int count, float[] x, float[] work, int sums) {
    for (int r = 0; r < count; r++) {
      oneRow(data(), rowAt(row + r), columns(), x, work, sums + r * LANES);
    }
    return true;
  }

  private static void oneRow(
      MemorySegment data, long rowAt, int columns, float[] x, float[] work, int sumAt) {
    long at = rowAt;
    FloatVector sum = FloatVector.zero(FLOAT);
    for (int from = 0; from < columns; from += 32) {
      FloatVector d = FloatVector.broadcast(FLOAT, half(data, at));
      for (int i = 0; i < 32; i += BYTES.length()) {
        ByteVector bytes = ByteVector.fromMemorySegment(BYTES, data, at + 2 + i, ORDER);
        for (int part = 0; part < PARTS; part++) {
          IntVector q = (IntVector) bytes.convertShape(VectorOperators.B2I, INT, part);
          sum =
              ((FloatVector) q.convertShape(VectorOperators.I2F, FLOAT, 0))
                  .mul(d)
                  .fma(FloatVector.fromArray(FLOAT, x, from + i + part * LANES), sum);
        }
      }
      at += 34;
    }
    sum.intoArray(work, sumAt);
  }
}
