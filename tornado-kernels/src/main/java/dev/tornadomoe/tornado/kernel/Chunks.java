package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// What all kernels know about the layout of weights: rows in blocks of 8, columns in chunks of 8.
///
/// Codes with scales lie in strips of 1, 2, 4 or 8 rows, the strip's lanes ([Flags#lanes]), a
/// divisor of the block's 8. A strip is cut into spans of 4 chunks, or of one where the columns are
/// no multiple of 32. Word j of all spans and lanes, `words[strip + (j * spans + span) * lanes +
/// lane]`, comes before word j + 1, so that work-items that share a strip, a span and a lane each,
/// read one run of words with every load. A 4-bit chunk has one word, an 8-bit one two. The first
/// strip begins at a multiple of 128 bytes. A strip's scales are `scales[(strip * groups + group) *
/// lanes + lane]`, or with zero points those of each group and then what is added to its codes
/// before. E4M3's come behind a table of its 256 values.
///
/// 4-bit integers are signed, and 8 is added to all but the last of a word: the last one's bits are
/// signed as they stand, and a mask makes the others a number ([Spans]).
///
/// In formats without scales chunk c of block b is number `at = b * chunks + c`; in it row r of the
/// block is lane r. 16-bit weights have four words of two columns each, `words[(at * 4 + j) * 8 +
/// r]`; 32-bit ones eight floats, `scales[(at * 8 + j) * 8 + r]`. For 16-bit weights `scales` is a
/// table of powers of two by sign and exponent: TornadoVM's OpenCL has no way to make a float of
/// its bits.
public final class Chunks {
  /// Elements of E4M3's table.
  public static final int TABLE = 256;

  /// Elements of an array's header and of what is left free behind it.
  public static final int FIRST = 28;

  /// What 4-bit integers are stored with.
  public static final int OFFSETS = 0x08888888;

  private Chunks() {}

  /// One activation of a chunk; zero behind the last column.
  static float activation(
      FloatArray x, int xAt, int column, int columns, IntArray order, int orderAt, int flags) {
    float value = 0f;
    if ((flags & Flags.RAGGED) == 0) {
      int from = column;
      if ((flags & Flags.ACT_ORDER) != 0) {
        from = order.get(orderAt + column);
      }
      value = x.get(xAt + from);
    } else if (column < columns) {
      int from = column;
      if ((flags & Flags.ACT_ORDER) != 0) {
        from = order.get(orderAt + column);
      }
      value = x.get(xAt + from);
    }
    return value;
  }

  /// Chunks of a span.
  public static int chunksOfSpan(int columns) {
    int chunks = 1;
    if (columns % 32 == 0) {
      chunks = 4;
    }
    return chunks;
  }

  /// Words of a row's span.
  public static int wordsOfSpan(int columns, int flags) {
    int words = chunksOfSpan(columns);
    if ((flags & (Flags.INT8 | Flags.FP8)) != 0) {
      words = 2 * words;
    }
    return words;
  }

  /// Spans of a row.
  public static int spans(int columns) {
    return (columns + 7) / 8 / chunksOfSpan(columns);
  }

  /// Words of a strip.
  public static int stripWords(int columns, int flags) {
    return wordsOfSpan(columns, flags) * spans(columns) * Flags.lanes(flags);
  }

  /// Scales of a strip, and what is added to codes before.
  public static int stripScales(int columns, int groupSize, int flags) {
    int groups = (columns + groupSize - 1) / groupSize;
    if ((flags & Flags.ZERO_POINTS) != 0) {
      groups = 2 * groups;
    }
    return groups * Flags.lanes(flags);
  }

  /// Where the words of a strip begin.
  ///
  /// @param strip its number among those of all matrices
  public static int wordsAt(int strip, int columns, int flags) {
    return FIRST + strip * stripWords(columns, flags);
  }

  /// Where the scales of a strip begin.
  public static int scalesAt(int strip, int columns, int groupSize, int flags) {
    int at = strip * stripScales(columns, groupSize, flags);
    if ((flags & Flags.FP8) != 0) {
      at += TABLE;
    }
    return at;
  }

  /// Where word j of a row's span is in its strip.
  ///
  /// @param lane of the strip
  public static int wordAt(int j, int span, int lane, int columns, int flags) {
    return (j * spans(columns) + span) * Flags.lanes(flags) + lane;
  }

  /// Where the scale of a row's group is in its strip; what is added before is `lanes` behind it.
  ///
  /// @param lane of the strip
  public static int scaleAt(int group, int lane, int flags) {
    int number = group;
    if ((flags & Flags.ZERO_POINTS) != 0) {
      number = 2 * group;
    }
    return number * Flags.lanes(flags) + lane;
  }

  /// One row's weights of a chunk times its activations.
  ///
  /// @param x the activations, 8 of them in registers
  static float dot(
      IntArray words,
      FloatArray scales,
      int block,
      int chunk,
      int lane,
      int columns,
      int groupSize,
      float[] x,
      int flags) {
    int at = at(block, chunk, lane, columns, flags);
    int word = word(words, at, flags);
    int scaleAt = scaleAt(block, chunk, lane, columns, groupSize, flags);
    float zero = zero(scales, scaleAt, flags);
    float sum = 0f;
    for (int j = 0; j < 8; j++) {
      sum += unscaled(word, zero, words, scales, at, lane, columns, j, flags) * x[j];
    }
    return sum * scale(scales, scaleAt, flags);
  }

  /// Where one row's chunk is: its first word, or in formats without scales the chunk's number.
  /// Computed once for all elements: what TornadoVM inlines may have 600 nodes.
  static int at(int block, int chunk, int lane, int columns, int flags) {
    int at = block * ((columns + 7) / 8) + chunk;
    if ((flags & Flags.SCALED) != 0) {
      // As wordsAt and chunkAt have it, in as few nodes as possible.
      int lanes = Flags.lanes(flags);
      int ofSpan = chunksOfSpan(columns);
      int words = 1;
      if ((flags & (Flags.INT8 | Flags.FP8)) != 0) {
        words = 2;
      }
      int number = ((block * 8 + lane) / lanes * ofSpan + chunk % ofSpan) * words;
      int spans = (columns + 7) / 8 / ofSpan;
      at = FIRST + (number * spans + chunk / ofSpan) * lanes + lane % lanes;
    }
    return at;
  }

  /// The word of one row's chunk, where 4-bit weights have one. Whoever needs several of its
  /// elements loads it first: TornadoVM's compiler would load it again for each.
  ///
  /// @param at what [#at] says
  static int word(IntArray words, int at, int flags) {
    int word = 0;
    if ((flags & (Flags.INT4 | Flags.FP4)) != 0) {
      word = words.get(at);
    }
    return word;
  }

  /// Where the scale of a row's chunk is; 0 in formats without.
  static int scaleAt(int block, int chunk, int lane, int columns, int groupSize, int flags) {
    int at = 0;
    if ((flags & Flags.SCALED) != 0) {
      int lanes = Flags.lanes(flags);
      at =
          scalesAt((block * 8 + lane) / lanes, columns, groupSize, flags)
              + scaleAt(chunk * 8 / groupSize, lane % lanes, flags);
    }
    return at;
  }

  /// Where a chunk's first word is behind the first one of its row.
  static int chunkAt(int chunk, int columns, int flags) {
    int ofSpan = chunksOfSpan(columns);
    int number = chunk % ofSpan * (wordsOfSpan(columns, flags) / ofSpan);
    return wordAt(number, chunk / ofSpan, 0, columns, flags);
  }

  /// What is added to a weight before it is scaled.
  static float zero(FloatArray scales, int scaleAt, int flags) {
    float zero = 0f;
    if ((flags & Flags.ZERO_POINTS) != 0) {
      zero = scales.get(scaleAt + Flags.lanes(flags));
    }
    return zero;
  }

  /// What a weight is multiplied by.
  static float scale(FloatArray scales, int scaleAt, int flags) {
    float scale = 1f;
    if ((flags & Flags.SCALED) != 0) {
      scale = scales.get(scaleAt);
    }
    return scale;
  }

  /// Element j of one row's chunk, without its scale.
  ///
  /// @param at what [#at] says
  static float unscaled(
      int word,
      float zero,
      IntArray words,
      FloatArray scales,
      int at,
      int lane,
      int columns,
      int j,
      int flags) {
    float value = 0f;
    if ((flags & Flags.INT4) != 0) {
      value = ((word ^ OFFSETS) << (28 - 4 * j)) >> 28;
    } else if ((flags & Flags.FP4) != 0) {
      value = doubled(word >> (4 * j));
    } else if ((flags & (Flags.INT8 | Flags.FP8)) != 0) {
      int bytes = words.get(at + j / 4 * (spans(columns) * Flags.lanes(flags)));
      if ((flags & Flags.INT8) != 0) {
        value = (bytes << (24 - j % 4 * 8)) >> 24;
      } else {
        value = scales.get((bytes >> (j % 4 * 8)) & 255);
      }
    } else {
      value = plain(words, scales, at, lane, j, flags);
    }
    if ((flags & Flags.ZERO_POINTS) != 0) {
      value += zero;
    }
    return value;
  }

  /// Element j of one row's chunk.
  static float element(
      IntArray words,
      FloatArray scales,
      int block,
      int chunk,
      int lane,
      int columns,
      int groupSize,
      int j,
      int flags) {
    int at = at(block, chunk, lane, columns, flags);
    int scaleAt = scaleAt(block, chunk, lane, columns, groupSize, flags);
    float value =
        unscaled(
            word(words, at, flags),
            zero(scales, scaleAt, flags),
            words,
            scales,
            at,
            lane,
            columns,
            j,
            flags);
    if ((flags & Flags.SCALED) != 0) {
      value *= scale(scales, scaleAt, flags);
    }
    return value;
  }

  /// An element that has no scale.
  private static float plain(
      IntArray words, FloatArray scales, int at, int lane, int j, int flags) {
    float value = 0f;
    if ((flags & (Flags.F16 | Flags.BF16)) != 0) {
      int word = words.get((at * 4 + j / 2) * 8 + lane);
      value = half(word >> (j % 2 * 16), scales, mantissaBits(flags));
    } else {
      value = scales.get((at * 8 + j) * 8 + lane);
    }
    return value;
  }

  /// Twice the value of an E2M1 in the lower nibble: twice a magnitude (0, 0.5, 1, 1.5, 2, 3, 4, 6)
  /// is a nibble of a constant.
  static int doubled(int nibble) {
    int magnitude = (0xC8643210 >> (4 * (nibble & 7))) & 15;
    return magnitude * (1 - (nibble >> 2 & 2));
  }

  /// Bits of a 16-bit type's mantissa.
  static int mantissaBits(int flags) {
    int bits = 10;
    if ((flags & Flags.BF16) != 0) {
      bits = 7;
    }
    return bits;
  }

  /// The 16-bit float in the lower half of a word: its mantissa times the power of two of its sign
  /// and exponent, plus what the implicit bit adds, which is the table's second half.
  static float half(int bits, FloatArray table, int mantissaBits) {
    int powers = 65536 >> mantissaBits;
    int power = (bits >> mantissaBits) & (powers - 1);
    int mantissa = bits & ((1 << mantissaBits) - 1);
    return mantissa * table.get(power) + table.get(powers + power);
  }
}
