package dev.tornadomoe.tornado.weights;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.Float8E4M3;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.kernel.Chunks;
import dev.tornadomoe.tornado.kernel.Flags;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Brings weights into [Storage]'s layout, on all cores.
public final class MatrixPacking {
  private final Storage storage;
  private final IntArray words;
  private final FloatArray scales;
  private final IntArray order;
  private final FloatArray bias;
  private final boolean biased;

  private MatrixPacking(Storage storage, int matrices, List<Part> parts, SegmentAllocator arena) {
    this.storage = storage;
    this.biased = parts.stream().anyMatch(part -> part.bias() != null);
    this.words =
        DeviceArrays.ints(
            atLeastOne(storage.firstWord() + matrices * storage.words() + storage.spareWords()),
            arena);
    this.scales =
        storage.is16Bit()
            ? powersOfTwo(storage, arena)
            : DeviceArrays.floats(
                atLeastOne(storage.table() + matrices * storage.scales() + storage.spareScales()),
                arena);
    for (int code = 0; code < storage.table(); code++) {
      scales.set(code, Float8E4M3.toFloat((byte) code));
    }
    this.order =
        DeviceArrays.ints(
            storage.is(Flags.ACT_ORDER) ? Math.multiplyExact(matrices, storage.columns()) : 1,
            arena);
    this.bias =
        DeviceArrays.floats(biased ? Math.multiplyExact(matrices, storage.blocks() * 8) : 1, arena);
  }

  /// Hears of weights that are packed, from any thread, one at a time.
  @FunctionalInterface
  interface Listener {
    /// One of them is done.
    ///
    /// @param memory that it lies in: the file's or the user's, if it is there as it is used
    void packed(Weight weight, List<MemorySegment> memory);
  }

  /// A weight, or the part of a shared expert's that stands for an expert: rows from `firstRow` on
  /// and columns from `firstColumn` on, as many as the storage has or as there are.
  ///
  /// @param to the row of the kept matrix that the first one becomes
  record Part(Weight weight, @Nullable Bias bias, int firstRow, int firstColumn, int to) {

    static Part whole(Weight weight, @Nullable Bias bias) {
      return new Part(weight, bias, 0, 0, 0);
    }

    Part from(int row, int column) {
      return new Part(weight, bias, row, column, to);
    }

    Part at(int row) {
      return new Part(weight, bias, firstRow, firstColumn, row);
    }
  }

  /// Packs weights as one matrix, the rows of each below those of the one before.
  ///
  /// @param arena of their host memory
  static DeviceMatrix stack(
      Storage storage, List<Part> parts, Listener listener, SegmentAllocator arena) {
    MatrixPacking packing = new MatrixPacking(storage, 1, parts, arena);
    int row = 0;
    for (Part part : parts) {
      listener.packed(part.weight(), packing.matrix(0, part.at(row)));
      row += part.weight().rows();
    }
    return packing.packed();
  }

  /// Packs them.
  ///
  /// @param arena of their host memory
  static DeviceMatrix pack(
      Storage storage, List<Part> parts, Listener listener, SegmentAllocator arena) {
    MatrixPacking packing = new MatrixPacking(storage, parts.size(), parts, arena);
    Object lock = new Object();
    IntStream.range(0, parts.size())
        .parallel()
        .forEach(number -> {
          List<MemorySegment> memory = packing.matrix(number, parts.get(number));
          synchronized (lock) {
            listener.packed(parts.get(number).weight(), memory);
          }
        });
    return packing.packed();
  }

  /// A description of matrices that are not there.
  ///
  /// @param ints what stands for their arrays
  /// @param floats the same
  public static DeviceMatrix none(Storage storage, IntArray ints, FloatArray floats) {
    return new DeviceMatrix(storage, ints, floats, ints, floats, storage.flags());
  }

  private DeviceMatrix packed() {
    return new DeviceMatrix(
        storage, words, scales, order, bias, storage.flags() | (biased ? Flags.BIAS : 0));
  }

  private static int atLeastOne(long elements) {
    return (int) Math.max(1, elements);
  }

  /// What a mantissa is multiplied by, for each sign and exponent, and behind that what its
  /// implicit bit adds. Exponents of all ones are NaN, so that an infinite weight is not taken for
  /// a large one.
  private static FloatArray powersOfTwo(Storage storage, SegmentAllocator arena) {
    int exponents = storage.is(Flags.BF16) ? 256 : 32;
    int mantissaBits = storage.is(Flags.BF16) ? 7 : 10;
    int lowest = storage.is(Flags.BF16) ? -133 : -24;
    FloatArray table = DeviceArrays.floats(4 * exponents, arena);
    for (int e = 0; e < exponents; e++) {
      boolean isLast = e == exponents - 1;
      float power = isLast ? Float.NaN : (float) Math.scalb(1.0, lowest + Math.max(e, 1) - 1);
      float implicit = e == 0 ? 0 : power * (1 << mantissaBits);
      table.set(e, power);
      table.set(exponents + e, -power);
      table.set(2 * exponents + e, implicit);
      table.set(3 * exponents + e, -implicit);
    }
    return table;
  }

  /// @return the memory outside that the weight lies in
  private List<MemorySegment> matrix(int number, Part part) {
    List<MemorySegment> outside;
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix matrix = part.weight().load(arena);
      new WeightMemory(matrix.memory()).requireAlive();
      outside =
          matrix.memory().stream()
              .filter(segment -> !segment.scope().equals(arena.scope()))
              .toList();
      int rows = Math.min(storage.rows() - part.to(), matrix.rows() - part.firstRow());
      if (matrix instanceof Int4Matrix int4 && storage.is(Flags.INT4)) {
        int4(number, part, int4, rows);
      } else if (storage.isScaled()) {
        coded(number, part, matrix, rows);
      } else if (storage.is16Bit()) {
        halves(number, part, ((DenseMatrix) matrix), rows);
      } else {
        floats(number, part, matrix, rows);
      }
    }
    Bias values = part.bias();
    if (values != null) {
      float[] all = values.toFloats();
      int count = Math.min(storage.rows() - part.to(), all.length - part.firstRow());
      for (int r = 0; r < count; r++) {
        bias.set(number * storage.blocks() * 8 + part.to() + r, all[part.firstRow() + r]);
      }
    }
    return outside;
  }

  /// Where a row's first element is, when its block has `perBlock` runs of `size` elements.
  private long first(int number, int row, int perBlock, int size) {
    return ((long) number * storage.blocks() + row / 8) * perBlock * size + row % 8;
  }

  /// The number of a row's strip among those of all matrices.
  private int strip(int number, int row) {
    return (number * storage.blocks() * 8 + row) / storage.lanes();
  }

  /// @param at its number in the row
  private void word(int number, int row, int at, int word) {
    int ofSpan = Chunks.wordsOfSpan(storage.columns(), storage.flags());
    words.set(
        Chunks.wordsAt(strip(number, row), storage.columns(), storage.flags())
            + Chunks.wordAt(
                at % ofSpan,
                at / ofSpan,
                row % storage.lanes(),
                storage.columns(),
                storage.flags()),
        storage.is(Flags.INT4) ? word ^ Chunks.OFFSETS : word);
  }

  private void scale(int number, int row, int group, float scale, float zero) {
    int at =
        Chunks.scalesAt(strip(number, row), storage.columns(), storage.groupSize(), storage.flags())
            + Chunks.scaleAt(group, row % storage.lanes(), storage.flags());
    scales.set(at, scale);
    if (storage.is(Flags.ZERO_POINTS)) {
      scales.set(at + storage.lanes(), zero);
    }
  }

  private void int4(int number, Part part, Int4Matrix matrix, int rows) {
    int chunks = Math.min(storage.chunks(), matrix.wordsPerRow() - part.firstColumn() / 8);
    int groups =
        Math.min(storage.groups(), matrix.groups() - part.firstColumn() / storage.groupSize());
    for (int r = 0; r < rows; r++) {
      int row = part.firstRow() + r;
      int to = part.to() + r;
      for (int c = 0; c < chunks; c++) {
        // Flips each nibble's highest bit: q - 8 as a signed nibble.
        word(number, to, c, matrix.word(row, part.firstColumn() / 8 + c) ^ 0x88888888);
      }
      for (int g = 0; g < groups; g++) {
        int group = part.firstColumn() / storage.groupSize() + g;
        int zero = Int4Matrix.SYMMETRIC_ZERO - matrix.zero(row, group);
        if (zero != 0 && !storage.is(Flags.ZERO_POINTS)) {
          throw new BackendException(
              String.format(
                  Locale.ROOT,
                  "weight \"%s\": row %d, group %d has zero point %d, expected 8: its format"
                      + " announces no others, and a device keeps what was announced; backends cpu"
                      + " and reference can run it",
                  part.weight().name(),
                  row,
                  group,
                  matrix.zero(row, group)));
        }
        scale(number, to, g, matrix.scale(row, group), zero);
      }
    }
    if (storage.is(Flags.ACT_ORDER)) {
      int[] columns = matrix.columnOrder();
      for (int c = 0; c < storage.columns(); c++) {
        order.set(number * storage.columns() + c, columns == null ? c : columns[c]);
      }
    }
  }

  private void coded(int number, Part part, WeightMatrix matrix, int rows) {
    CodedRows coded = CodedRows.of(matrix);
    int columns = Math.min(storage.columns(), matrix.columns() - part.firstColumn());
    int groups = Math.ceilDiv(columns, storage.groupSize());
    int bits = storage.is(Flags.INT4 | Flags.FP4) ? 4 : 8;
    int perWord = 32 / bits;
    int mask = (1 << bits) - 1;
    byte[] codes = new byte[matrix.columns()];
    for (int r = 0; r < rows; r++) {
      int row = part.firstRow() + r;
      coded.codes(row, codes);
      int to = part.to() + r;
      for (int from = 0; from < columns; from += perWord) {
        int word = 0;
        for (int c = from; c < Math.min(columns, from + perWord); c++) {
          word |= (codes[part.firstColumn() + c] & mask) << ((c - from) * bits);
        }
        word(number, to, from / perWord, word);
      }
      for (int g = 0; g < groups; g++) {
        int group = part.firstColumn() / storage.groupSize() + g;
        // E2M1 is decoded to twice its value.
        float scale = coded.scale(row, group) * (storage.is(Flags.FP4) ? 0.5f : 1);
        float zero = storage.is(Flags.ZERO_POINTS) ? coded.zero(row, group) : 0;
        scale(number, to, g, scale, zero);
      }
    }
  }

  private void halves(int number, Part part, DenseMatrix matrix, int rows) {
    int columns = Math.min(storage.columns(), matrix.columns() - part.firstColumn());
    for (int r = 0; r < rows; r++) {
      long from = (long) (part.firstRow() + r) * matrix.columns() + part.firstColumn();
      long to = first(number, part.to() + r, storage.chunks(), 32);
      for (int c = 0; c < columns; c += 2) {
        int low = matrix.values().getBits(from + c);
        int high = c + 1 < columns ? matrix.values().getBits(from + c + 1) : 0;
        words.set((int) (to + c / 2 * 8L), (low & 0xFFFF) | high << 16);
      }
    }
  }

  private void floats(int number, Part part, WeightMatrix matrix, int rows) {
    int columns = Math.min(storage.columns(), matrix.columns() - part.firstColumn());
    float[] values = new float[matrix.columns()];
    boolean isRowMajor = storage.isRowMajor();
    for (int r = 0; r < rows; r++) {
      matrix.decodeRow(part.firstRow() + r, values);
      long to =
          isRowMajor
              ? (part.to() + r) * 8L * storage.chunks()
              : first(number, part.to() + r, storage.chunks(), 64);
      for (int c = 0; c < columns; c++) {
        scales.set((int) (to + c * (isRowMajor ? 1L : 8L)), values[part.firstColumn() + c]);
      }
    }
  }
}
