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

/// Q4_K.
final class VectorQ4K extends VectorBlocks {

  VectorQ4K(BlockMatrix matrix) {
    super(matrix);
  }

  @Override
  void decodeBlock(MemorySegment data, long at, float[] target, int to) {
    float d = half(data, at);
    float dmin = half(data, at + 2);
    for (int group = 0; group < 8; group += 2) {
      float lowScale = d * ScalesOfSix.scale(data, at + 4, group);
      float lowMinimum = dmin * ScalesOfSix.minimum(data, at + 4, group);
      float highScale = d * ScalesOfSix.scale(data, at + 4, group + 1);
      float highMinimum = dmin * ScalesOfSix.minimum(data, at + 4, group + 1);
      long quants = at + 16 + group * 16L;
      int first = to + group * 32;
      for (int i = 0; i < 32; i += BYTES.length()) {
        ByteVector bytes = ByteVector.fromMemorySegment(BYTES, data, quants + i, ORDER);
        for (int part = 0; part < PARTS; part++) {
          IntVector pairs = (IntVector) bytes.convertShape(VectorOperators.B2I, INT, part);
          ((FloatVector) pairs.and(15).convertShape(VectorOperators.I2F, FLOAT, 0))
              .mul(lowScale)
              .sub(lowMinimum)
              .intoArray(target, first + i + part * LANES);
          ((FloatVector)
                  pairs
                      .lanewise(VectorOperators.LSHR, 4)
                      .and(15)
                      .convertShape(VectorOperators.I2F, FLOAT, 0))
              .mul(highScale)
              .sub(highMinimum)
              .intoArray(target, first + 32 + i + part * LANES);
        }
      }
    }
  }
}
