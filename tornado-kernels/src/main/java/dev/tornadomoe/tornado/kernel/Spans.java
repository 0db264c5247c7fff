package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// A work-item's share of some rows: one span of 32 columns of each, as [Chunks] describes them,
/// times the same 32 activations in registers.
///
/// Where the rows do not fill a group, those behind are read and computed as others are, and not
/// written: they are the next matrix's, or of [#SPARE] strips behind the last one.
///
/// All words of all rows are loaded before anything else, so that as many loads as possible are
/// under way at once. What 8 is added to in each row costs nothing for each: the activations' sum
/// times -8 is the same for all rows, and as it takes all 32 activations, no compiler sinks the
/// loads into the multiplications (a kernel in C on an H200: 9.2 us for gate and up without it, 8.7
/// with it).
///
/// A 4-bit integer is masked where it is in its word, `word & (15 << 4 * c)`, and the power of 16
/// too much is taken from activation c before, exactly ([#power]).
public final class Spans {
  /// Columns of a span.
  static final int COLUMNS = 32;

  /// The most elements of an array, a power of two.
  public static final int MOST_ELEMENTS = 1 << 30;

  /// Strips behind the last one.
  public static final int SPARE = 8;

  /// The most work-items that add up one output.
  public static final int MOST_PARTS = 16;

  /// Widths of a wave divide it.
  public static final int WAVE = 64;

  /// The most work-items of a group: with more, each has too few registers.
  public static final int MOST_THREADS = 512;

  private Spans() {}

  /// A place in an array that TornadoVM's compiler knows not to be negative, nor near the largest
  /// integer. So it adds constants to it after it is widened, and the device's compiler makes them
  /// part of each load. Otherwise each load has its own address, in two registers (H200, 16 tokens:
  /// down takes 56 us instead of 49).
  ///
  /// @param at less than [#MOST_ELEMENTS]
  static long known(int at) {
    return at & (MOST_ELEMENTS - 1);
  }

  /// What activation `column` is multiplied by before [#sums] and [#dot]: a power of 16, or 1.
  static float power(int column, int flags) {
    float power = 1f;
    if ((flags & Flags.INT4) != 0) {
      // 16 to the power of minus the column, without a division.
      power = (1 << (28 - 4 * (column & 7))) * 3.7252903e-9f;
    }
    return power;
  }

  /// Scales of a span: more than one where groups are smaller.
  static int parts(int groupSize) {
    int parts = 1;
    if (groupSize < COLUMNS) {
      parts = COLUMNS / groupSize;
    }
    return parts;
  }

  /// Loads a work-item's span of an expert's rows: words, scales, and what is added to codes
  /// before.
  ///
  /// @param matrices of an expert, 2 of gate and up
  /// @param firstRow of the group
  /// @param place `span * lanes + lane`
  static void load(
      IntArray words,
      FloatArray scales,
      int expert,
      int matrices,
      int firstRow,
      int place,
      int columns,
      int rows,
      int groupSize,
      int flags,
      int[] word,
      float[] scale,
      float[] zero) {
    int lanes = Flags.lanes(flags);
    int n = Flags.rowsPerItem(flags);
    int strips = (rows + 7) / 8 * (8 / lanes);
    int strip = expert * matrices * strips + firstRow / lanes;
    int at = Chunks.wordsAt(strip, columns, flags) + place;
    loadWords(words, at, matrices * n, n, strips, columns, flags, word);
    int scaleAt =
        Chunks.scalesAt(strip, columns, groupSize, flags)
            + Chunks.scaleAt(place / lanes * COLUMNS / groupSize, place % lanes, flags);
    loadScales(scales, scaleAt, matrices * n, n, strips, columns, groupSize, flags, scale, zero);
  }

  /// Loads the words of some rows' span. Each address is the first one's and a constant, so that a
  /// compiler computes one.
  ///
  /// @param at of the first row's first word
  /// @param vectors rows of all matrices
  /// @param n rows of a matrix, one in each of neighbouring strips
  /// @param strips of a matrix
  private static void loadWords(
      IntArray words, int at, int vectors, int n, int strips, int columns, int flags, int[] word) {
    int perSpan = Chunks.wordsOfSpan(columns, flags);
    int strip = Chunks.stripWords(columns, flags);
    long first = known(at);
    for (int i = 0; i < vectors * perSpan; i++) {
      int row = i / perSpan;
      int number = row / n * strips + row % n;
      word[i] = words.get((int) (first + (number * strip + i % perSpan * (strip / perSpan))));
    }
  }

  /// Loads the scales of the same rows' span, and what is added to its codes before.
  ///
  /// @param at of the first row's first scale
  private static void loadScales(
      FloatArray scales,
      int at,
      int vectors,
      int n,
      int strips,
      int columns,
      int groupSize,
      int flags,
      float[] scale,
      float[] zero) {
    int parts = parts(groupSize);
    int strip = Chunks.stripScales(columns, groupSize, flags);
    int step = Chunks.scaleAt(1, 0, flags);
    long first = known(at);
    for (int i = 0; i < vectors * parts; i++) {
      int row = i / parts;
      int number = row / n * strips + row % n;
      int from = number * strip + i % parts * step;
      scale[i] = scales.get((int) (first + from));
      if ((flags & Flags.ZERO_POINTS) != 0) {
        zero[i] = scales.get((int) (first + (from + Flags.lanes(flags))));
      }
    }
  }

  /// What each part of a span begins with in every row, and what zero points are multiplied by.
  ///
  /// @param x the activations times [#power]
  static void sums(float[] x, int groupSize, int flags, float[] offset, float[] total) {
    int parts = parts(groupSize);
    int size = COLUMNS / parts;
    for (int part = 0; part < parts; part++) {
      float offsets = 0f;
      float all = 0f;
      for (int c = 0; c < size; c++) {
        int column = part * size + c;
        if ((flags & Flags.INT4) != 0) {
          if (column % 8 < 7) {
            offsets += x[column] * (-8 * (1 << (4 * (column & 7))));
          }
        }
        if ((flags & Flags.ZERO_POINTS) != 0) {
          float times = 1f;
          if ((flags & Flags.INT4) != 0) {
            times = 1 << (4 * (column & 7));
          }
          all += x[column] * times;
        }
      }
      offset[part] = offsets;
      total[part] = all;
    }
  }

  /// One row's span times its activations.
  static float dot(
      int[] word,
      float[] scale,
      float[] zero,
      float[] x,
      float[] offset,
      float[] total,
      int row,
      int columns,
      int groupSize,
      int flags) {
    int perSpan = Chunks.wordsOfSpan(columns, flags);
    int parts = parts(groupSize);
    int size = COLUMNS / parts;
    float sum = 0f;
    for (int part = 0; part < parts; part++) {
      float ofPart = offset[part];
      for (int c = 0; c < size; c++) {
        int column = part * size + c;
        ofPart += value(word, row * perSpan, column, flags) * x[column];
      }
      if ((flags & Flags.ZERO_POINTS) != 0) {
        ofPart += zero[row * parts + part] * total[part];
      }
      sum += ofPart * scale[row * parts + part];
    }
    return sum;
  }

  /// Adds 8 columns of all rows, times the same columns of some tokens.
  ///
  /// @param x the activations times [#power], 8 of each token
  /// @param chunk of the span, in ascending order
  /// @param vectors rows of all matrices
  /// @param offset of each token: what its columns add to every row, within a group of columns
  /// @param total the same for zero points
  /// @param ofPart of each row and token, without scale and offset, within a group of columns
  /// @param sums of each row and token
  static void addChunk(
      int[] word,
      float[] scale,
      float[] zero,
      float[] x,
      int chunk,
      int vectors,
      int tokens,
      int columns,
      int groupSize,
      int flags,
      float[] offset,
      float[] total,
      float[] ofPart,
      float[] sums) {
    int perSpan = Chunks.wordsOfSpan(columns, flags);
    int parts = parts(groupSize);
    int ofPartChunks = COLUMNS / 8 / parts;
    int part = chunk / ofPartChunks;
    if (chunk % ofPartChunks == 0) {
      for (int k = 0; k < tokens; k++) {
        offset[k] = 0f;
        total[k] = 0f;
      }
      for (int i = 0; i < vectors * tokens; i++) {
        ofPart[i] = 0f;
      }
    }
    for (int k = 0; k < tokens; k++) {
      for (int c = 0; c < 8; c++) {
        float times = 1f;
        if ((flags & Flags.INT4) != 0) {
          times = 1 << (4 * c);
          if (c < 7) {
            offset[k] += x[k * 8 + c] * (-8 * (1 << (4 * c)));
          }
        }
        if ((flags & Flags.ZERO_POINTS) != 0) {
          total[k] += x[k * 8 + c] * times;
        }
      }
    }
    for (int row = 0; row < vectors; row++) {
      for (int c = 0; c < 8; c++) {
        float value = value(word, row * perSpan, chunk * 8 + c, flags);
        for (int k = 0; k < tokens; k++) {
          ofPart[row * tokens + k] += value * x[k * 8 + c];
        }
      }
    }
    if (chunk % ofPartChunks == ofPartChunks - 1) {
      for (int row = 0; row < vectors; row++) {
        for (int k = 0; k < tokens; k++) {
          float sum = ofPart[row * tokens + k] + offset[k];
          if ((flags & Flags.ZERO_POINTS) != 0) {
            sum += zero[row * parts + part] * total[k];
          }
          sums[row * tokens + k] += sum * scale[row * parts + part];
        }
      }
    }
  }

  /// A column's code in a row's span, times what [#power] divides by.
  ///
  /// @param at of the row's first word
  private static float value(int[] word, int at, int column, int flags) {
    float value = 0f;
    if ((flags & Flags.INT4) != 0) {
      value = word[at + column / 8] & (15 << (4 * (column & 7)));
    } else if ((flags & Flags.FP4) != 0) {
      value = Chunks.doubled(word[at + column / 8] >> (4 * (column & 7)));
    } else {
      value = (word[at + column / 4] << (24 - 8 * (column & 3))) >> 24;
    }
    return value;
  }

  /// A pair's place among the experts, or -1.
  static int expert(
      IntArray ids,
      IntArray map,
      int token,
      int slot,
      int topK,
      int extra,
      int experts,
      int flags) {
    int expert = -1;
    if ((flags & Flags.IN_ORDER) != 0 && extra == 0) {
      expert = ids.get(token * topK + slot);
    } else {
      expert = Pairs.expert(ids, map, token, slot, topK, extra, experts, flags);
    }
    return expert;
  }

  /// Work-items that add up one output.
  static int partsOf(int outputs, int threads) {
    return TornadoMath.min(MOST_PARTS, threads / outputs);
  }
}
