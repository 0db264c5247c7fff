package dev.tornadomoe.backend.cpu;

import static dev.tornadomoe.backend.cpu.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.Species.HALF;
import static dev.tornadomoe.backend.cpu.Species.INT;
import static dev.tornadomoe.backend.cpu.Species.LANES;
import static dev.tornadomoe.backend.cpu.Species.ORDER;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/// Unquantised weights in their file's own rows, lanes along the columns. Fewer than four tokens: a
/// row at a time, decoded in registers. More: four rows are decoded to F32 in cache and serve all
/// tokens ([VectorRows]), in the same order of additions.
///
/// Used in copies, one for each type of weights ([KernelCopies]). No method here hands a vector to
/// another one: where the compiler does not inline that, it makes an object of it.
final class VectorDense implements PlainMatrix {
  private static final DType TYPE = KernelCopies.constants(MethodHandles.lookup(), DType.class);
  private static final boolean WIDE = TYPE == DType.F32;
  private static final boolean F16 = TYPE == DType.F16;
  private static final int BYTES = TYPE.bytes();

  /// Fewer tokens are not worth decoding rows into cache.
  private static final int TOKENS = 4;

  /// 2^(127 - 15): what is left between the exponents once an F16's fields are in an F32's places.
  private static final float F16_REBIAS = 0x1p112f;

  /// The sign, and the exponent and mantissa of an F16 in an F32's places.
  private static final int F16_FIELDS = 0x8FFFE000;

  private final int rows;
  private final int columns;
  private final int vectorColumns;
  private final TensorView values;
  private final MemorySegment data;
  private final VectorRows decoded;

  VectorDense(DenseMatrix matrix) {
    this.rows = matrix.rows();
    this.columns = matrix.columns();
    this.vectorColumns = FLOAT.loopBound(columns);
    this.values = matrix.values();
    this.data = values.data();
    this.decoded = new VectorRows(columns);
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int columns() {
    return columns;
  }

  @Override
  public List<MemorySegment> memory() {
    return List.of(data);
  }

  @Override
  public int paddedColumns() {
    return columns;
  }

  @Override
  public int workSize() {
    return decoded.workSize();
  }

  @Override
  public void multiply(
      int rowFrom, int rowTo, float[] x, int tokens, float[] y, int yStride, float[] work) {
    for (int row = rowFrom; row < rowTo; row += VectorRows.ROWS) {
      int count = Math.min(VectorRows.ROWS, rowTo - row);
      int at = row - rowFrom;
      if (tokens < TOKENS) {
        for (int token = 0; token < tokens; token++) {
          for (int r = 0; r < count; r++) {
            oneRow(row + r, r, x, token * columns, work);
          }
          decoded.store(work, count, 1, x, token, y, at, yStride);
        }
      } else {
        decode((long) row * columns, count * columns, work);
        decoded.multiply(work, count, x, tokens, y, at, yStride);
      }
    }
  }

  private void decode(long first, int count, float[] target) {
    int vectors = FLOAT.loopBound(count);
    if (WIDE) {
      decodeF32(first, vectors, target);
    } else if (F16) {
      decodeF16(first, vectors, target);
    } else {
      decodeBf16(first, vectors, target);
    }
    for (int i = vectors; i < count; i++) {
      target[i] = values.getFloat(first + i);
    }
  }

  private void decodeBf16(long first, int count, float[] target) {
    for (int i = 0; i < count; i += LANES) {
      ((IntVector)
              ShortVector.fromMemorySegment(HALF, data, (first + i) * 2, ORDER)
                  .convertShape(VectorOperators.S2I, INT, 0))
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .intoArray(target, i);
    }
  }

  /// Rebiasing also normalises subnormals. An F16's infinity comes out of it as 2^16, which scaled
  /// up overflows to infinity while 65504, the largest F16, does not; a NaN becomes an infinity.
  private void decodeF16(long first, int count, float[] target) {
    for (int i = 0; i < count; i += LANES) {
      ((IntVector)
              ShortVector.fromMemorySegment(HALF, data, (first + i) * 2, ORDER)
                  .convertShape(VectorOperators.S2I, INT, 0))
          .lanewise(VectorOperators.LSHL, 13)
          .and(F16_FIELDS)
          .reinterpretAsFloats()
          .mul(F16_REBIAS)
          .mul(F16_REBIAS)
          .mul(1 / F16_REBIAS)
          .intoArray(target, i);
    }
  }

  private void decodeF32(long first, int count, float[] target) {
    for (int i = 0; i < count; i += LANES) {
      FloatVector.fromMemorySegment(FLOAT, data, (first + i) * 4, ORDER).intoArray(target, i);
    }
  }

  /// One row by one token, as the weights come from memory: processors fetch ahead of one stream
  /// that ascends, and much less of four. Leaves the lanes of the sum, and the weights behind the
  /// last whole vector, where [VectorRows#store] finds them.
  private void oneRow(int row, int r, float[] x, int xAt, float[] work) {
    long first = (long) row * columns;
    FloatVector sum = FloatVector.zero(FLOAT);
    long at = first * BYTES;
    for (int c = 0; c < vectorColumns; c += LANES, at += (long) LANES * BYTES) {
      FloatVector activation = FloatVector.fromArray(FLOAT, x, xAt + c);
      if (WIDE) {
        sum = FloatVector.fromMemorySegment(FLOAT, data, at, ORDER).fma(activation, sum);
        continue;
      }
      IntVector bits =
          (IntVector)
              ShortVector.fromMemorySegment(HALF, data, at, ORDER)
                  .convertShape(VectorOperators.S2I, INT, 0);
      if (F16) {
        sum =
            bits.lanewise(VectorOperators.LSHL, 13)
                .and(F16_FIELDS)
                .reinterpretAsFloats()
                .mul(F16_REBIAS)
                .mul(F16_REBIAS)
                .mul(1 / F16_REBIAS)
                .fma(activation, sum);
      } else {
        sum = bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(activation, sum);
      }
    }
    sum.intoArray(work, decoded.sums() + r * LANES);
    for (int c = vectorColumns; c < columns; c++) {
      work[r * columns + c] = values.getFloat(first + c);
    }
  }
}
