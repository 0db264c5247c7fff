package dev.tornadomoe.backend.cpu.kernel.decode;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;
import static dev.tornadomoe.backend.cpu.kernel.Species.ORDER;
import static dev.tornadomoe.backend.cpu.kernel.decode.VectorBytes.BYTES;
import static dev.tornadomoe.backend.cpu.kernel.decode.VectorBytes.PARTS;

import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.Float8E8M0;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// MXFP4 in ggml's blocks, with [VectorFp4]'s table: twice a magnitude is a nibble of a constant.
final class VectorBlockMxfp4 extends VectorBlocks {

  VectorBlockMxfp4(BlockMatrix matrix) {
    super(matrix);
  }

  @Override
  void decodeBlock(MemorySegment data, long at, float[] target, int to) {
    float scale = Float8E8M0.toFloat(data.get(ValueLayout.JAVA_BYTE, at)) * 0.5f;
    IntVector table = IntVector.broadcast(INT, VectorFp4.DOUBLED);
    for (int i = 0; i < 16; i += BYTES.length()) {
      ByteVector bytes = ByteVector.fromMemorySegment(BYTES, data, at + 1 + i, ORDER);
      for (int part = 0; part < PARTS; part++) {
        IntVector pairs = (IntVector) bytes.convertShape(VectorOperators.B2I, INT, part);
        for (int half = 0; half < 2; half++) {
          IntVector elements = pairs.lanewise(VectorOperators.LSHR, half * 4);
          IntVector doubled =
              table
                  .lanewise(VectorOperators.LSHR, elements.and(7).lanewise(VectorOperators.LSHL, 2))
                  .and(15);
          ((FloatVector) doubled.convertShape(VectorOperators.I2F, FLOAT, 0))
              .mul(scale)
              .reinterpretAsInts()
              .or(elements.lanewise(VectorOperators.LSHL, 28).and(Integer.MIN_VALUE))
              .reinterpretAsFloats()
              .intoArray(target, to + half * 16 + i + part * LANES);
        }
      }
    }
  }
}
