package dev.tornadomoe.backend.cpu.kernel.decode;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.HALF;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;
import static dev.tornadomoe.backend.cpu.kernel.Species.ORDER;

import dev.tornadomoe.backend.cpu.kernel.KernelCopies;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/// Decodes unquantised weights, in memory or (F32 and BF16) in registers, lanes along the columns.
///
/// Used in copies, one for each type of weights ([KernelCopies]). No method here hands a vector to
/// another one: where the compiler does not inline that, it makes an object of it.
final class VectorDense implements RowDecoder {
  private static final DType TYPE = KernelCopies.constants(MethodHandles.lookup(), DType.class);
  private static final boolean WIDE = TYPE == DType.F32;
  private static final boolean F16 = TYPE == DType.F16;
  private static final int BYTES = TYPE.bytes();

  private static final ValueLayout.OfShort F16_LAYOUT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ORDER);

  private final int columns;
  private final int vectorColumns;
  private final TensorView values;
  private final MemorySegment data;

  VectorDense(DenseMatrix matrix) {
    this.columns = matrix.columns();
    this.vectorColumns = FLOAT.loopBound(columns);
    this.values = matrix.values();
    this.data = values.data();
  }

  @Override
  public void decode(int row, float[] target, int at) {
    long first = (long) row * columns;
    if (WIDE) {
      decodeF32(first, target, at);
    } else if (F16) {
      decodeF16(first, target, at);
    } else {
      decodeBf16(first, target, at);
    }
    decodeTail(first, target, at);
  }

  /// What is behind the last whole vector.
  private void decodeTail(long first, float[] target, int at) {
    for (int c = vectorColumns; c < columns; c++) {
      target[at + c] = values.getFloat(first + c);
    }
  }

  private void decodeBf16(long first, float[] target, int at) {
    for (int i = 0; i < vectorColumns; i += LANES) {
      ((IntVector)
              ShortVector.fromMemorySegment(HALF, data, (first + i) * 2, ORDER)
                  .convertShape(VectorOperators.S2I, INT, 0))
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .intoArray(target, at + i);
    }
  }

  /// Not by the Vector API, which has no conversion of F16: the JDK's own is one instruction for a
  /// vector of them, and multiplications that would do the same are slow where an F16 is subnormal.
  private void decodeF16(long first, float[] target, int at) {
    long start = first * 2;
    for (int i = 0; i < vectorColumns; i++) {
      target[at + i] = Float.float16ToFloat(data.get(F16_LAYOUT, start + 2L * i));
    }
  }

  private void decodeF32(long first, float[] target, int at) {
    for (int i = 0; i < vectorColumns; i += LANES) {
      FloatVector.fromMemorySegment(FLOAT, data, (first + i) * 4, ORDER).intoArray(target, at + i);
    }
  }

  @Override
  public boolean multiply(int row, int count, float[] x, float[] work, int sums) {
    if (F16) {
      return false;
    }
    int r = 0;
    for (; r + 2 <= count; r += 2) {
      twoRows((long) (row + r) * columns, x, work, sums + r * LANES);
    }
    if (r < count) {
      oneRow((long) (row + r) * columns, x, work, sums + r * LANES);
    }
    for (r = 0; r < count; r++) {
      decodeTail((long) (row + r) * columns, work, r * columns);
    }
    return true;
  }

  /// Two rows, so that there is a sum to add to while the other's last addition is under way, and
  /// memory is read ahead of in two pages: a row is often about one.
  private void twoRows(long first, float[] x, float[] work, int sumsAt) {
    FloatVector sum0 = FloatVector.zero(FLOAT);
    FloatVector sum1 = sum0;
    long at = first * BYTES;
    long rowBytes = (long) columns * BYTES;
    for (int c = 0; c < vectorColumns; c += LANES, at += (long) LANES * BYTES) {
      FloatVector activation = FloatVector.fromArray(FLOAT, x, c);
      if (WIDE) {
        sum0 = FloatVector.fromMemorySegment(FLOAT, data, at, ORDER).fma(activation, sum0);
        sum1 =
            FloatVector.fromMemorySegment(FLOAT, data, at + rowBytes, ORDER).fma(activation, sum1);
        continue;
      }
      IntVector bits0 =
          (IntVector)
              ShortVector.fromMemorySegment(HALF, data, at, ORDER)
                  .convertShape(VectorOperators.S2I, INT, 0);
      IntVector bits1 =
          (IntVector)
              ShortVector.fromMemorySegment(HALF, data, at + rowBytes, ORDER)
                  .convertShape(VectorOperators.S2I, INT, 0);
      sum0 = bits0.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(activation, sum0);
      sum1 = bits1.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(activation, sum1);
    }
    sum0.intoArray(work, sumsAt);
    sum1.intoArray(work, sumsAt + LANES);
  }

  private void oneRow(long first, float[] x, float[] work, int sumAt) {
    FloatVector sum = FloatVector.zero(FLOAT);
    long at = first * BYTES;
    for (int c = 0; c < vectorColumns; c += LANES, at += (long) LANES * BYTES) {
      FloatVector activation = FloatVector.fromArray(FLOAT, x, c);
      if (WIDE) {
        sum = FloatVector.fromMemorySegment(FLOAT, data, at, ORDER).fma(activation, sum);
        continue;
      }
      IntVector bits =
          (IntVector)
              ShortVector.fromMemorySegment(HALF, data, at, ORDER)
                  .convertShape(VectorOperators.S2I, INT, 0);
      sum = bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(activation, sum);
    }
    sum.intoArray(work, sumAt);
  }
}
