package dev.tornadomoe.tornado.weights;

import dev.tornadomoe.tensor.AffineMatrix;
import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.Fp8Matrix;
import dev.tornadomoe.tensor.GroupGrid;
import dev.tornadomoe.tensor.Int8Matrix;
import dev.tornadomoe.tensor.Mxfp4Matrix;
import dev.tornadomoe.tensor.Nvfp4Matrix;
import dev.tornadomoe.tensor.WeightMatrix;
import dev.tornadomoe.tornado.kernel.Flags;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// A weight matrix as the device keeps it: the code of each element, and for each group of columns
/// a scale and what is added to codes before. What codes stand for, [Flags] of the storage say: an
/// integer of 4 or 8 bits, E4M3, or E2M1.
interface CodedRows {
  /// Writes the codes of one row, in their lower bits, those of integers in two's complement.
  ///
  /// @param codes as many as there are columns
  void codes(int row, byte[] codes);

  /// The scale of a row's group.
  float scale(int row, int group);

  /// What is added to the codes of a row's group.
  default float zero(int row, int group) {
    return 0;
  }

  /// How a coding is kept; null when as F32.
  static @Nullable Kind kind(Coding coding) {
    if (coding.equals(Coding.INT8)) {
      return new Kind(Flags.INT8, 0);
    }
    if (coding.equals(Coding.FP8)) {
      return new Kind(Flags.FP8, 0);
    }
    if (coding.equals(Coding.MXFP4) || coding.equals(Coding.NVFP4)) {
      return new Kind(Flags.FP4, 0);
    }
    if (coding.equals(Coding.AFFINE4)) {
      return new Kind(Flags.INT4 | Flags.ZERO_POINTS, 0);
    }
    if (coding.equals(Coding.AFFINE8)) {
      return new Kind(Flags.INT8 | Flags.ZERO_POINTS, 0);
    }
    return coding.scalesInside() ? BlockRows.kind(coding) : null;
  }

  /// How a coding is kept.
  ///
  /// @param flags of the codes, and [Flags#ZERO_POINTS] if the coding implies them
  /// @param groupSize columns per scale if blocks have them inside, else 0
  record Kind(int flags, int groupSize) {}

  /// The codes of a matrix of such a kind.
  static CodedRows of(WeightMatrix matrix) {
    return switch (matrix) {
      case Int8Matrix int8 -> new Int8(int8);
      case Fp8Matrix fp8 -> new Fp8(fp8);
      case Mxfp4Matrix fp4 -> new Mxfp4(fp4);
      case Nvfp4Matrix fp4 -> new Nvfp4(fp4);
      case AffineMatrix affine -> new Affine(affine);
      case BlockMatrix blocks -> BlockRows.of(blocks);
      default -> throw new IllegalStateException(matrix.format() + " has no codes");
    };
  }

  /// 8-bit integers.
  record Int8(Int8Matrix matrix) implements CodedRows {
    @Override
    public void codes(int row, byte[] codes) {
      MemorySegment.copy(
          matrix.data(),
          ValueLayout.JAVA_BYTE,
          row * matrix.rowBytes(),
          codes,
          0,
          matrix.columns());
      for (int c = 0; c < matrix.columns(); c++) {
        codes[c] ^= (byte) matrix.offset(); // stored plus 128: the sign, inverted
      }
    }

    @Override
    public float scale(int row, int group) {
      return matrix.scales().scale(row, group);
    }

    @Override
    public float zero(int row, int group) {
      GroupGrid zeros = matrix.zeros();
      return zeros == null ? 0 : -zeros.zero(row, group);
    }
  }

  /// E4M3.
  record Fp8(Fp8Matrix matrix) implements CodedRows {
    @Override
    public void codes(int row, byte[] codes) {
      int columns = matrix.columns();
      long from = (long) matrix.selection().stored(row) * columns;
      MemorySegment.copy(matrix.values().data(), ValueLayout.JAVA_BYTE, from, codes, 0, columns);
    }

    @Override
    public float scale(int row, int group) {
      return matrix.scales().scale(row, group);
    }
  }

  /// E2M1 with powers of two.
  record Mxfp4(Mxfp4Matrix matrix) implements CodedRows {
    @Override
    public void codes(int row, byte[] codes) {
      nibbles(matrix.packed(), matrix.packedAt(row), matrix.columns(), codes);
    }

    @Override
    public float scale(int row, int group) {
      return matrix.scale(row, group);
    }
  }

  /// E2M1 with E4M3.
  record Nvfp4(Nvfp4Matrix matrix) implements CodedRows {
    @Override
    public void codes(int row, byte[] codes) {
      nibbles(matrix.packed().data(), matrix.packedAt(row), matrix.columns(), codes);
    }

    @Override
    public float scale(int row, int group) {
      return matrix.scale(row, group);
    }
  }

  /// Integers with an offset: `scale * q + bias` is `scale * (code + (half + bias / scale))`, codes
  /// being q less half of the range. Where the scale is 0 only the bias is left: such a group has
  /// scale 1 and codes 0.
  record Affine(AffineMatrix matrix) implements CodedRows {
    private int half() {
      return 1 << (matrix.bits() - 1);
    }

    @Override
    public void codes(int row, byte[] codes) {
      for (int c = 0; c < matrix.columns(); c++) {
        boolean isConstant = matrix.scale(row, c / matrix.groupSize()) == 0;
        codes[c] = (byte) (isConstant ? 0 : matrix.element(row, c) - half());
      }
    }

    @Override
    public float scale(int row, int group) {
      float scale = matrix.scale(row, group);
      return scale == 0 ? 1 : scale;
    }

    @Override
    public float zero(int row, int group) {
      float scale = matrix.scale(row, group);
      float bias = matrix.bias(row, group);
      return scale == 0 ? bias : half() + bias / scale;
    }
  }

  private static void nibbles(MemorySegment packed, long from, int columns, byte[] codes) {
    for (int c = 0; c < columns; c++) {
      int pair = packed.get(ValueLayout.JAVA_BYTE, from + c / 2);
      codes[c] = (byte) ((pair >> (c % 2 * 4)) & 15);
    }
  }
}
