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
/// Scales of 4-bit weights: `scales[(b * groups + g) * 8 + r]`, or with zero points pairs of scale
/// and `8 - zero`. For 16-bit weights `scales` is a table of powers of two by sign and exponent:
/// TornadoVM's OpenCL has no way to make a float of its bits.
final class Chunks {
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
    float sum = 0f;
    if ((flags & Flags.INT4) != 0) {
      int q = words.get(at * 8 + lane);
      float all = 0f;
      for (int j = 0; j < 8; j++) {
        sum += ((q << (28 - 4 * j)) >> 28) * x[j];
        all += x[j];
      }
      if ((flags & Flags.ZERO_POINTS) != 0) {
        sum += scales.get(2 * (scaleAt + lane) + 1) * all;
        sum *= scales.get(2 * (scaleAt + lane));
      } else {
        sum *= scales.get(scaleAt + lane);
      }
    } else {
      for (int j = 0; j < 8; j++) {
        sum += element(words, scales, at, lane, scaleAt, j, flags) * x[j];
      }
    }
    return sum;
  }

  /// The word of one row's chunk, where 4-bit weights have one. Whoever needs several of its
  /// elements loads it first: TornadoVM's compiler would load it again for each.
  static int word(IntArray words, int at, int lane, int flags) {
    int word = 0;
    if ((flags & Flags.INT4) != 0) {
      word = words.get(at * 8 + lane);
    }
    return word;
  }

  /// What is added to a 4-bit weight before it is scaled.
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
    } else if ((flags & Flags.INT4) != 0) {
      scale = scales.get(scaleAt + lane);
    }
    return scale;
  }

  /// Element j of one row's chunk, without its scale.
  static float unscaled(
      int word, float zero, IntArray words, FloatArray scales, int at, int lane, int j, int flags) {
    float value = 0f;
    if ((flags & Flags.INT4) != 0) {
      value = (word << (28 - 4 * j)) >> 28;
      if ((flags & Flags.ZERO_POINTS) != 0) {
        value += zero;
      }
    } else {
      value = element(words, scales, at, lane, 0, j, flags);
    }
    return value;
  }

  /// Element j of one row's chunk.
  static float element(
      IntArray words, FloatArray scales, int at, int lane, int scaleAt, int j, int flags) {
    float value = 0f;
    if ((flags & Flags.INT4) != 0) {
      value = (words.get(at * 8 + lane) << (28 - 4 * j)) >> 28;
      if ((flags & Flags.ZERO_POINTS) != 0) {
        value += scales.get(2 * (scaleAt + lane) + 1);
        value *= scales.get(2 * (scaleAt + lane));
      } else {
        value *= scales.get(scaleAt + lane);
      }
    } else if ((flags & (Flags.F16 | Flags.BF16)) != 0) {
      int word = words.get((at * 4 + j / 2) * 8 + lane);
      value = half(word >> (j % 2 * 16), scales, mantissaBits(flags));
    } else {
      value = scales.get((at * 8 + j) * 8 + lane);
    }
    return value;
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
