package dev.tornadomoe.examples.decoder;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// A matrix `[rows, columns]` of F32 or BF16, and y = W x with the Vector API on all cores.
///
/// @param values a matrix
public record Matrix(TensorView values) {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

  /// Rows that one thread takes at a time.
  private static final int BLOCK = 16;

  /// A weight of any format: F32 and BF16 as they are, others as F32.
  ///
  /// @param arena for what has to be converted
  public static Matrix of(String name, WeightMatrix weight, Arena arena) {
    if (weight instanceof DenseMatrix dense && dense.values().dtype() != DType.F16) {
      return new Matrix(dense.values());
    }
    int columns = weight.columns();
    long rowBytes = (long) columns * Float.BYTES;
    MemorySegment floats = arena.allocate(weight.rows() * rowBytes, 64);
    float[] row = new float[columns];
    for (int r = 0; r < weight.rows(); r++) {
      weight.decodeRow(r, row);
      MemorySegment.copy(row, 0, floats, ValueLayout.JAVA_FLOAT, r * rowBytes, columns);
    }
    return new Matrix(new TensorView(name, DType.F32, Shape.of(weight.rows(), columns), floats));
  }

  public int rows() {
    return Math.toIntExact(values.shape().dimension(0));
  }

  public int columns() {
    return Math.toIntExact(values.shape().dimension(1));
  }

  /// Copies a row.
  public void row(int row, float[] target, int at) {
    for (int column = 0; column < columns(); column++) {
      target[at + column] = values.getFloat((long) row * columns() + column);
    }
  }

  /// `y[t] = W x[t]` for some tokens.
  ///
  /// @param x `[tokens, columns]`
  /// @param y `[tokens, rows]`
  public void multiply(float[] x, int tokens, float[] y) {
    int rows = rows();
    IntStream.range(0, Math.ceilDiv(rows, BLOCK))
        .parallel()
        .forEach(block -> {
          int end = Math.min(rows, (block + 1) * BLOCK);
          for (int row = block * BLOCK; row < end; row++) {
            for (int t = 0; t < tokens; t++) {
              y[t * rows + row] = dot(row, x, t * columns());
            }
          }
        });
  }

  private float dot(int row, float[] x, int from) {
    long start = (long) row * columns() * values.dtype().bytes();
    return values.dtype() == DType.BF16
        ? dotBfloat16(values.data(), start, x, from, columns())
        : dotFloat(values.data(), start, x, from, columns());
  }

  private static float dotFloat(MemorySegment w, long start, float[] x, int from, int columns) {
    int lanes = FLOATS.length();
    FloatVector even = FloatVector.zero(FLOATS);
    FloatVector odd = even;
    int i = 0;
    for (; i + 2 * lanes <= columns; i += 2 * lanes) {
      long at = start + (long) i * Float.BYTES;
      long next = at + (long) lanes * Float.BYTES;
      even =
          FloatVector.fromMemorySegment(FLOATS, w, at, LITTLE_ENDIAN)
              .fma(FloatVector.fromArray(FLOATS, x, from + i), even);
      odd =
          FloatVector.fromMemorySegment(FLOATS, w, next, LITTLE_ENDIAN)
              .fma(FloatVector.fromArray(FLOATS, x, from + i + lanes), odd);
    }
    float sum = even.add(odd).reduceLanes(VectorOperators.ADD);
    for (; i < columns; i++) {
      sum += w.get(ValueLayout.JAVA_FLOAT_UNALIGNED, start + (long) i * Float.BYTES) * x[from + i];
    }
    return sum;
  }

  private static float dotBfloat16(MemorySegment w, long start, float[] x, int from, int columns) {
    int lanes = FLOATS.length();
    FloatVector even = FloatVector.zero(FLOATS);
    FloatVector odd = even;
    int i = 0;
    for (; i + 2 * lanes <= columns; i += 2 * lanes) {
      long at = start + (long) i * Short.BYTES;
      even = widen(w, at).fma(FloatVector.fromArray(FLOATS, x, from + i), even);
      odd =
          widen(w, at + (long) lanes * Short.BYTES)
              .fma(FloatVector.fromArray(FLOATS, x, from + i + lanes), odd);
    }
    float sum = even.add(odd).reduceLanes(VectorOperators.ADD);
    for (; i < columns; i++) {
      short bits = w.get(ValueLayout.JAVA_SHORT_UNALIGNED, start + (long) i * Short.BYTES);
      sum += Float.intBitsToFloat(bits << 16) * x[from + i];
    }
    return sum;
  }

  /// A BF16 is the upper half of an F32.
  private static FloatVector widen(MemorySegment w, long at) {
    IntVector bits =
        (IntVector)
            ShortVector.fromMemorySegment(SHORTS, w, at, LITTLE_ENDIAN)
                .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
    return bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }
}
