package dev.tornadomoe.backend.cpu.kernel.decode;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;
import static dev.tornadomoe.backend.cpu.kernel.Species.ORDER;
import static dev.tornadomoe.backend.cpu.kernel.decode.VectorBytes.BYTES;
import static dev.tornadomoe.backend.cpu.kernel.decode.VectorBytes.PARTS;

import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.block.ScalesOfSix;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Q5_K.
final class VectorQ5K extends VectorBlocks {

  VectorQ5K(BlockMatrix matrix) {
    super(matrix);
  }

  @Override
  void decodeBlock(MemorySegment data, long at, float[] target, int to) {
    float d = half(data, at);
    float dmin = half(data, at + 2);
    for (int group = 0; group < 8; group++) {
      float scale = d * ScalesOfSix.scale(data, at + 4, group);
      float minimum = dmin * ScalesOfSix.minimum(data, at + 4, group);
      long quants = at + 48 + group / 2 * 32L;
      int first = to + group * 32;
      for (int i = 0; i < 32; i += BYTES.length()) {
        ByteVector bytes = ByteVector.fromMemorySegment(BYTES, data, quants + i, ORDER);
        ByteVector fifths = ByteVector.fromMemorySegment(BYTES, data, at + 16 + i, ORDER);
        for (int part = 0; part < PARTS; part++) {
          IntVector low =
              ((IntVector) bytes.convertShape(VectorOperators.B2I, INT, part))
                  .lanewise(VectorOperators.LSHR, group % 2 * 4)
                  .and(15);
          IntVector high =
              ((IntVector) fifths.convertShape(VectorOperators.B2I, INT, part))
                  .lanewise(VectorOperators.LSHR, group)
                  .and(1)
                  .lanewise(VectorOperators.LSHL, 4);
          ((FloatVector) low.or(high).convertShape(VectorOperators.I2F, FLOAT, 0))
              .mul(scale)
              .sub(minimum)
              .intoArray(target, first + i + part * LANES);
        }
      }
    }
  }
}
