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

/// Q4_0.
final class VectorQ40 extends VectorBlocks {

  VectorQ40(BlockMatrix matrix) {
    super(matrix);
  }

  @Override
  void decodeBlock(MemorySegment data, long at, float[] target, int to) {
    float d = half(data, at);
    for (int i = 0; i < 16; i += BYTES.length()) {
      ByteVector bytes = ByteVector.fromMemorySegment(BYTES, data, at + 2 + i, ORDER);
      for (int part = 0; part < PARTS; part++) {
        IntVector pairs = (IntVector) bytes.convertShape(VectorOperators.B2I, INT, part);
        ((FloatVector) pairs.and(15).sub(8).convertShape(VectorOperators.I2F, FLOAT, 0))
            .mul(d)
            .intoArray(target, to + i + part * LANES);
        ((FloatVector)
                pairs
                    .lanewise(VectorOperators.LSHR, 4)
                    .and(15)
                    .sub(8)
                    .convertShape(VectorOperators.I2F, FLOAT, 0))
            .mul(d)
            .intoArray(target, to + 16 + i + part * LANES);
      }
    }
  }
}
