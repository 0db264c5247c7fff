package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// What all kernels know about the layout of weights: rows in blocks of 8, columns in chunks of 8.
///
/// Chunk c of block b is number `at = b * chunks + c`; in it row r of the block is lane r. 4-bit
/// weights have one word for a lane, `words[at * 8 + r]`, whose nibbles are signed; 16-bit ones
/// four words of two columns each, `words[(at * 4 + j) * 8 + r]`; 32-bit ones eight floats,
/// `scales[(at * 8 + j) * 8 + r]`. So lanes of a wave that have neighbouring rows read neighbouring
/// words, and a work-item that has all 8 rows of a chunk reads one run of words.
///
/// 8-bit ones two words of four columns each, `words[(at * 2 + j) * 8 + r]`.
///
/// Scales of 4-bit and 8-bit weights: `scales[(b * groups + g) * 8 + r]`, or with zero points pairs
/// of scale and what is added before. E4M3's scales come behind a table of its 256 values. For
/// 16-bit weights `scales` is a table of powers of two by sign and exponent: TornadoVM's OpenCL has
/// no way to make a float of its bits.
final class Chunks {
  /// Elements of E4M3's table.
  static final int TABLE = 256;

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

  /// Where the scales of a chunk's group begin.
  static int scaleAt(int block, int chunk, int columns, int groupSize) {
    int groups = (columns + groupSize - 1) / groupSize;
    return (block * groups + chunk * 8 / groupSize) * 8;
  }

  /// One row's weights of a chunk times its activations.
  ///
  /// @param x the activations, 8 of them in registers
  static float dot(
      IntArray words, FloatArray scales, int at, int lane, int scaleAt, float[] x, int flags) {
    int word = word(words, at, lane, flags);
    float zero = zero(scales, scaleAt, lane, flags);
    float sum = 0f;
    for (int j = 0; j < 8; j++) {
      sum += unscaled(word, zero, words, scales, at, lane, j, flags) * x[j];
    }
    return sum * scale(scales, scaleAt, lane, flags);
  }

  /// The word of one row's chunk, where 4-bit weights have one. Whoever needs several of its
  /// elements loads it first: TornadoVM's compiler would load it again for each.
  static int word(IntArray words, int at, int lane, int flags) {
    int word = 0;
    if ((flags & (Flags.INT4 | Flags.FP4)) != 0) {
      word = words.get(at * 8 + lane);
    }
    return word;
  }

  /// What is added to a weight before it is scaled.
  static float zero(FloatArray scales, int scaleAt, int lane, int flags) {
    float zero = 0f;
    if ((flags & Flags.ZERO_POINTS) != 0) {
      zero = scales.get(2 * (scaleAt + lane) + 1);
    }
    return zero;
  }

  /// What a weight is multiplied by.
  static float scale(FloatArray scales, int scaleAt, int lane, int flags) {
    float scale = 1f;
    if ((flags & Flags.ZERO_POINTS) != 0) {
      scale = scales.get(2 * (scaleAt + lane));
    } else if ((flags & Flags.FP8) != 0) {
      scale = scales.get(TABLE + scaleAt + lane);
    } else if ((flags & Flags.SCALED) != 0) {
      scale = scales.get(scaleAt + lane);
    }
    return scale;
  }

  /// Element j of one row's chunk, without its scale.
  static float unscaled(
      int word, float zero, IntArray words, FloatArray scales, int at, int lane, int j, int flags) {
    float value = 0f;
    if ((flags & Flags.SCALED) != 0) {
      value = coded(word, zero, words, scales, at, lane, j, flags);
    } else {
      value = plain(words, scales, at, lane, j, flags);
    }
    return value;
  }

  /// Element j of one row's chunk.
  static float element(
      IntArray words, FloatArray scales, int at, int lane, int scaleAt, int j, int flags) {
    float value = 0f;
    if ((flags & Flags.SCALED) != 0) {
      value =
          coded(
                  word(words, at, lane, flags),
                  zero(scales, scaleAt, lane, flags),
                  words,
                  scales,
                  at,
                  lane,
                  j,
                  flags)
              * scale(scales, scaleAt, lane, flags);
    } else {
      value = plain(words, scales, at, lane, j, flags);
    }
    return value;
  }

  /// An element that has a scale, without it.
  ///
  /// @param word of 4-bit elements; 8-bit ones are loaded here
  private static float coded(
      int word, float zero, IntArray words, FloatArray scales, int at, int lane, int j, int flags) {
    float value = 0f;
    if ((flags & Flags.INT4) != 0) {
      value = (word << (28 - 4 * j)) >> 28;
    } else if ((flags & Flags.FP4) != 0) {
      value = doubled(word >> (4 * j));
    } else {
      int bytes = words.get((at * 2 + j / 4) * 8 + lane);
      if ((flags & Flags.INT8) != 0) {
        value = (bytes << (24 - j % 4 * 8)) >> 24;
      } else {
        value = scales.get((bytes >> (j % 4 * 8)) & 255);
      }
    }
    if ((flags & Flags.ZERO_POINTS) != 0) {
      value += zero;
    }
    return value;
  }

  /// An element that has none.
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
