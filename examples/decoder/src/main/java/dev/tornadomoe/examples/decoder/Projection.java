package dev.tornadomoe.examples.decoder;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.WeightMatrix;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// `y = y + W x` with the Vector API, on all cores. Rows of W become floats one by one.
final class Projection {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

  /// Rows that one thread takes at a time.
  private static final int BLOCK = 16;

  private Projection() {}

  /// `y[t] = y[t] + W x[t]` for some tokens.
  ///
  /// @param x `[tokens, columns]`
  /// @param y `[tokens, rows]`
  static void add(WeightMatrix w, float[] x, int tokens, float[] y) {
    int rows = w.rows();
    int columns = w.columns();
    IntStream.range(0, Math.ceilDiv(rows, BLOCK))
        .parallel()
        .forEach(block -> {
          float[] row = new float[columns];
          for (int r = block * BLOCK; r < Math.min(rows, (block + 1) * BLOCK); r++) {
            decode(w, r, row);
            for (int t = 0; t < tokens; t++) {
              y[t * rows + r] += dot(row, 0, x, t * columns, columns);
            }
          }
        });
  }

  /// A row as floats. A BF16 is the upper half of an F32; the library knows all other formats.
  private static void decode(WeightMatrix w, int row, float[] target) {
    if (w instanceof DenseMatrix dense
        && dense.values().dtype() == DType.BF16
        && w.columns() % FLOATS.length() == 0) {
      for (int i = 0; i < w.columns(); i += FLOATS.length()) {
        long at = ((long) row * w.columns() + i) * Short.BYTES;
        ShortVector.fromMemorySegment(SHORTS, dense.values().data(), at, LITTLE_ENDIAN)
            .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0)
            .reinterpretAsInts()
            .lanewise(VectorOperators.LSHL, 16)
            .reinterpretAsFloats()
            .intoArray(target, i);
      }
    } else {
      w.decodeRow(row, target);
    }
  }

  /// The product of two vectors. Two sums at once: one alone would wait for its own additions.
  static float dot(float[] a, int aAt, float[] b, int bAt, int size) {
    int lanes = FLOATS.length();
    FloatVector even = FloatVector.zero(FLOATS);
    FloatVector odd = even;
    int i = 0;
    for (; i + 2 * lanes <= size; i += 2 * lanes) {
      even = floats(a, aAt + i).fma(floats(b, bAt + i), even);
      odd = floats(a, aAt + i + lanes).fma(floats(b, bAt + i + lanes), odd);
    }
    float sum = even.add(odd).reduceLanes(VectorOperators.ADD);
    for (; i < size; i++) {
      sum += a[aAt + i] * b[bAt + i];
    }
    return sum;
  }

  private static FloatVector floats(float[] array, int at) {
    return FloatVector.fromArray(FLOATS, array, at);
  }
}
