package dev.tornadomoe.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import java.util.SplittableRandom;

/// See [Weight#synthetic].
record SyntheticWeight(String name, int rows, int columns, WeightFormat format, long seed)
    implements Weight {
  /// Magnitudes from 0.5 up to 448, less the one that is no number: in real files, scaled by the
  /// largest of a tile, hardly any is small, and subnormal ones are slow.
  private static final int FP8_FROM = 0x30;

  private static final int FP8_NAN = 0x7F;

  SyntheticWeight {
    if (!isKnown(format)) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "weights of %s can't be made up", format));
    }
  }

  private static boolean isKnown(WeightFormat format) {
    int size = format.groupSize();
    Coding coding = format.coding();
    if (coding.equals(Coding.INT4)) {
      return format.equals(WeightFormat.int4(DType.BF16, size, false, false));
    }
    if (coding.equals(Coding.FP8)) {
      return format.equals(WeightFormat.scaled(coding, DType.F32, size, size));
    }
    return format.isDense() || format.equals(WeightFormat.scaled(Coding.INT8, DType.BF16, 1, 0));
  }

  @Override
  public long bytesToLoad() {
    return bytes();
  }

  @Override
  public WeightMatrix load(Arena arena) {
    SplittableRandom random = new SplittableRandom(seed);
    Coding coding = format.coding();
    if (coding.equals(Coding.INT4)) {
      return int4(random, arena);
    }
    if (coding.equals(Coding.INT8)) {
      return int8(random, arena);
    }
    return coding.equals(Coding.FP8) ? fp8(random, arena) : dense(random, arena);
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
    TensorView scales = scales(DType.BF16, rows, groups, 4.6, random, arena);
    return new Int4Matrix(rows, columns, format.groupSize(), words, scales, null, null);
  }

  private Int8Matrix int8(SplittableRandom random, Arena arena) {
    MemorySegment elements = arena.allocate((long) rows * columns, 64);
    for (long at = 0; at < elements.byteSize(); at++) {
      elements.set(ValueLayout.JAVA_BYTE, at, (byte) random.nextInt());
    }
    TensorView scales = scales(DType.BF16, rows, 1, 74, random, arena);
    RowSelection all = RowSelection.all(rows);
    return new Int8Matrix(
        rows, columns, columns, elements, 0, GroupGrid.rowMajor(scales, all, 1, 0, 1), null, null);
  }

  private Fp8Matrix fp8(SplittableRandom random, Arena arena) {
    MemorySegment elements = arena.allocate((long) rows * columns, 64);
    for (long at = 0; at < elements.byteSize(); at++) {
      int sign = random.nextInt() & 0x80;
      elements.set(ValueLayout.JAVA_BYTE, at, (byte) (sign | random.nextInt(FP8_FROM, FP8_NAN)));
    }
    int tile = format.groupSize();
    int groups = Math.ceilDiv(columns, tile);
    TensorView scales = scales(DType.F32, Math.ceilDiv(rows, tile), groups, 143, random, arena);
    RowSelection all = RowSelection.all(rows);
    return new Fp8Matrix(
        new TensorView(name, DType.F8_E4M3, Shape.of(rows, columns), elements),
        all,
        GroupGrid.rowMajor(scales, all, tile, tile, groups));
  }

  /// Scales for elements of some standard deviation.
  private TensorView scales(
      DType type, int rows, int groups, double deviation, SplittableRandom random, Arena arena) {
    MemorySegment scales = arena.allocate((long) rows * groups * type.bytes(), 64);
    for (long i = 0; i < (long) rows * groups; i++) {
      float scale = (float) (spread() / deviation * random.nextDouble(0.5, 1.5));
      if (type == DType.F32) {
        scales.setAtIndex(ValueLayout.JAVA_FLOAT, i, scale);
      } else {
        scales.setAtIndex(ValueLayout.JAVA_SHORT, i, BFloat16.fromFloat(scale));
      }
    }
    return new TensorView(name + " scales", type, Shape.of(rows, groups), scales);
  }

  private DenseMatrix dense(SplittableRandom random, Arena arena) {
    DType type = format.element();
    MemorySegment values = arena.allocate((long) rows * columns * type.bytes(), 64);
    double width = spread() * Math.sqrt(12);
    for (long i = 0; i < (long) rows * columns; i++) {
      float value = (float) ((random.nextDouble() - 0.5) * width);
      switch (type) {
        case F32 -> values.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        case F16 -> values.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(value));
        default -> values.setAtIndex(ValueLayout.JAVA_SHORT, i, BFloat16.fromFloat(value));
      }
    }
    return new DenseMatrix(new TensorView(name, type, Shape.of(rows, columns), values));
  }
}
