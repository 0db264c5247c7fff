package dev.tornadomoe.backend.cpu.kernel.decode;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;
import static dev.tornadomoe.backend.cpu.kernel.Species.ORDER;
import static dev.tornadomoe.backend.cpu.kernel.decode.VectorBytes.BYTES;
import static dev.tornadomoe.backend.cpu.kernel.decode.VectorBytes.PARTS;

import dev.tornadomoe.tensor.BlockMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Q6_K.
final class VectorQ6K extends VectorBlocks {

  VectorQ6K(BlockMatrix matrix) {
    super(matrix);
  }

  @Override
  void decodeBlock(MemorySegment data, long at, float[] target, int to) {
    float d = half(data, at + 208);
    for (int group = 0; group < 16; group++) {
      float scale = d * data.get(ValueLayout.JAVA_BYTE, at + 192 + group);
      int half = group / 8;
      int quarter = group % 8 / 2;
      int first = group % 2 * 16;
      long lows = at + half * 64L + quarter % 2 * 32L + first;
      long highs = at + 128 + half * 32L + first;
      for (int i = 0; i < 16; i += BYTES.length()) {
        ByteVector lowBytes = ByteVector.fromMemorySegment(BYTES, data, lows + i, ORDER);
        ByteVector highBytes = ByteVector.fromMemorySegment(BYTES, data, highs + i, ORDER);
        for (int part = 0; part < PARTS; part++) {
          IntVector low =
              ((IntVector) lowBytes.convertShape(VectorOperators.B2I, INT, part))
                  .lanewise(VectorOperators.LSHR, quarter / 2 * 4)
                  .and(15);
          IntVector high =
              ((IntVector) highBytes.convertShape(VectorOperators.B2I, INT, part))
                  .lanewise(VectorOperators.LSHR, quarter * 2)
                  .and(3)
                  .lanewise(VectorOperators.LSHL, 4);
          ((FloatVector) low.or(high).sub(32).convertShape(VectorOperators.I2F, FLOAT, 0))
              .mul(scale)
              .intoArray(target, to + group * 16 + i + part * LANES);
        }
      }
    }
  }
}
