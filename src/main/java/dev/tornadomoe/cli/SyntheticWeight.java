package dev.tornadomoe.cli;

import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/// A weight made up from a seed when it is loaded, with a spread that keeps activations near 1.
///
/// @param seed always gives the same weight
record SyntheticWeight(String name, int rows, int columns, WeightFormat format, long seed)
    implements Weight {

  @Override
  public long bytesToLoad() {
    return bytes();
  }

  @Override
  public WeightMatrix load(Arena arena) {
    SplittableRandom random = new SplittableRandom(seed);
    return format.isInt4() ? int4(random, arena) : dense(random, arena);
  }

  /// The standard deviation of elements.
  private double spread() {
    return 1 / Math.sqrt(columns);
  }

  private Int4Matrix int4(SplittableRandom random, Arena arena) {
    int groups = Math.ceilDiv(columns, format.groupSize());
    MemorySegment words = arena.allocate((long) rows * Math.ceilDiv(columns, 8) * 4, 64);
    for (long at = 0; at < words.byteSize(); at += 4) {
      words.set(ValueLayout.JAVA_INT, at, random.nextInt());
    }
    MemorySegment scales = arena.allocate((long) rows * groups * 2, 64);
    // Nibbles minus 8 have a standard deviation of 4.6.
    for (long at = 0; at < scales.byteSize(); at += 2) {
      double scale = spread() / 4.6 * random.nextDouble(0.5, 1.5);
      scales.set(ValueLayout.JAVA_SHORT, at, BFloat16.fromFloat((float) scale));
    }
    return new Int4Matrix(
        rows,
        columns,
        format.groupSize(),
        words,
        new TensorView(name, DType.BF16, Shape.of(rows, groups), scales),
        null,
        null);
  }

  private DenseMatrix dense(SplittableRandom random, Arena arena) {
    MemorySegment values = arena.allocate((long) rows * columns * 2, 64);
    double width = spread() * Math.sqrt(12);
    for (long at = 0; at < values.byteSize(); at += 2) {
      double value = (random.nextDouble() - 0.5) * width;
      values.set(ValueLayout.JAVA_SHORT, at, BFloat16.fromFloat((float) value));
    }
    return new DenseMatrix(new TensorView(name, DType.BF16, Shape.of(rows, columns), values));
  }
}
