package dev.tornadomoe.backend.cpu.kernel.decode;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;

import dev.tornadomoe.tensor.Float4E2M1;
import dev.tornadomoe.tensor.Mxfp4Matrix;
import dev.tornadomoe.tensor.Nvfp4Matrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Decodes E2M1 in groups of 16 or 32. All lanes get the same word of eight elements, of which each
/// shifts its own down; twice its magnitude, a whole number, is a nibble of a constant.
final class VectorFp4 implements RowDecoder {
  /// Twice the magnitudes 0, 0.5, 1, 1.5, 2, 3, 4, 6, the first lowest.
  static final int DOUBLED = 0xC864_3210;

  private static final ValueLayout.OfInt WORD =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /// How far each lane's element is from the lowest bits.
  private static final IntVector SHIFTS =
      IntVector.zero(INT).addIndex(1).and(7).lanewise(VectorOperators.LSHL, 2);

  /// Of 16 lanes those that have the next word's elements.
  private static final VectorMask<Integer> UPPER =
      IntVector.zero(INT).addIndex(1).compare(VectorOperators.GE, 8);

  private final MemorySegment packed;
  private final int columns;
  private final int group;
  private final Rows rows;

  /// Where rows are, and their scales.
  private interface Rows {
    long at(int row);

    float scale(int row, int group);
  }

  VectorFp4(Mxfp4Matrix matrix) {
    this(
        matrix.packed(),
        matrix.columns(),
        Mxfp4Matrix.GROUP,
        new Rows() {
          @Override
          public long at(int row) {
            return matrix.packedAt(row);
          }

          @Override
          public float scale(int row, int group) {
            return matrix.scale(row, group);
          }
        });
  }

  VectorFp4(Nvfp4Matrix matrix) {
    this(
        matrix.packed().data(),
        matrix.columns(),
        Nvfp4Matrix.GROUP,
        new Rows() {
          @Override
          public long at(int row) {
            return matrix.packedAt(row);
          }

          @Override
          public float scale(int row, int group) {
            return matrix.scale(row, group);
          }
        });
  }

  private VectorFp4(MemorySegment packed, int columns, int group, Rows rows) {
    this.packed = packed;
    this.columns = columns;
    this.group = group;
    this.rows = rows;
  }

  @Override
  public void decode(int row, float[] target, int at) {
    long start = rows.at(row);
    for (int from = 0, g = 0; from < columns; from += group, g++) {
      float scale = rows.scale(row, g);
      int count = Math.min(group, columns - from);
      if (count == group) {
        decodeWhole(start + from / 2, scale, target, at + from);
      } else {
        for (int i = 0; i < count; i++) {
          int pair = packed.get(ValueLayout.JAVA_BYTE, start + (from + i) / 2);
          target[at + from + i] = Float4E2M1.toFloat(i % 2 == 0 ? pair : pair >>> 4) * scale;
        }
      }
    }
  }

  private void decodeWhole(long first, float scale, float[] target, int at) {
    for (int i = 0; i < group; i += LANES) {
      IntVector words;
      if (LANES == 4) {
        int word = packed.get(WORD, first + i / 8 * 4L);
        words = IntVector.broadcast(INT, i % 8 == 0 ? word : word >>> 16);
      } else {
        words = IntVector.broadcast(INT, packed.get(WORD, first + i / 2));
        if (LANES == 16) {
          words = words.blend(packed.get(WORD, first + i / 2 + 4), UPPER);
        }
      }
      IntVector elements = words.lanewise(VectorOperators.LSHR, SHIFTS);
      IntVector doubled =
          IntVector.broadcast(INT, DOUBLED)
              .lanewise(VectorOperators.LSHR, elements.and(7).lanewise(VectorOperators.LSHL, 2))
              .and(15);
      ((FloatVector) doubled.convertShape(VectorOperators.I2F, FLOAT, 0))
          .mul(scale * 0.5f)
          .reinterpretAsInts()
          .or(elements.lanewise(VectorOperators.LSHL, 28).and(Integer.MIN_VALUE))
          .reinterpretAsFloats()
          .intoArray(target, at + i);
    }
  }
}
