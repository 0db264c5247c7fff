package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
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

/// A matrix of random 4-bit integers in groups of 32 columns, made when it is loaded.
///
/// @param seed always gives the same matrix
record MadeUpInt4(String name, int rows, int columns, long seed) implements Weight {
  private static final int GROUP = 32;

  /// The standard deviation of whole numbers from -8 to 7.
  private static final double DEVIATION = 4.6;

  @Override
  public WeightFormat format() {
    return WeightFormat.int4(DType.BF16, GROUP, false, false);
  }

  @Override
  public long bytesToLoad() {
    return bytes();
  }

  @Override
  public WeightMatrix load(Arena arena) {
    SplittableRandom random = new SplittableRandom(seed);
    MemorySegment words = arena.allocate((long) rows * columns / 2, 64);
    for (long at = 0; at < words.byteSize(); at += Long.BYTES) {
      words.set(ValueLayout.JAVA_LONG, at, random.nextLong());
    }
    int groups = columns / GROUP;
    MemorySegment scales = arena.allocate((long) rows * groups * Short.BYTES, 64);
    double spread = 1 / Math.sqrt(columns) / DEVIATION;
    for (long at = 0; at < scales.byteSize(); at += Short.BYTES) {
      float scale = (float) (spread * random.nextDouble(0.5, 1.5));
      scales.set(ValueLayout.JAVA_SHORT, at, BFloat16.fromFloat(scale));
    }
    TensorView view = new TensorView(name + " scales", DType.BF16, Shape.of(rows, groups), scales);
    return new Int4Matrix(rows, columns, GROUP, words, view, null, null);
  }
}
