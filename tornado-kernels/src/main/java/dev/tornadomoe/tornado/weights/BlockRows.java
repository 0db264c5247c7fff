package dev.tornadomoe.tornado.weights;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.block.BlockFormats;
import dev.tornadomoe.tornado.kernel.Flags;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A matrix in ggml's blocks as the device keeps it.
abstract class BlockRows implements CodedRows {
  final BlockMatrix matrix;
  final BlockFormat block;
  private final int groupsPerBlock;

  private BlockRows(BlockMatrix matrix) {
    this.matrix = matrix;
    this.block = matrix.block();
    this.groupsPerBlock = block.coding().columns() / block.groupSize();
  }

  /// How matrices of such a coding are kept; null when as F32.
  static @Nullable Kind kind(Coding coding) {
    BlockFormat block = BlockFormats.named(coding.name()).orElseThrow();
    int codes = codes(block);
    return codes == 0
        ? null
        : new Kind(codes | (block.hasOffsets() ? Flags.ZERO_POINTS : 0), block.groupSize());
  }

  private static int codes(BlockFormat block) {
    return switch (block.coding().name()) {
      case "MXFP4" -> Flags.FP4;
      case "Q4_0", "Q4_1", "Q4_K", "Q3_K", "Q2_K", "IQ1_S", "IQ3_S", "TQ1_0", "TQ2_0" -> Flags.INT4;
      case "Q8_0", "Q5_0", "Q5_1", "Q5_K", "Q6_K" -> Flags.INT8;
      case "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ4_NL", "IQ4_XS" -> Flags.INT8;
      default -> 0;
    };
  }

  /// The codes of a matrix of such a kind.
  static BlockRows of(BlockMatrix matrix) {
    int codes = codes(matrix.block());
    if (codes == Flags.FP4) {
      return new Nibbles(matrix);
    }
    return matrix.block().hasOffsets()
        ? new Offset(matrix, codes == Flags.INT4 ? 8 : 0)
        : new Scaled(matrix);
  }

  /// Where a block of a row begins in the matrix's bytes.
  final long at(int row, int number) {
    return matrix.rowAt(row) + (long) number * block.coding().bytes();
  }

  /// Writes q less something of one row.
  final void shifted(int row, int shift, byte[] codes) {
    int size = block.groupSize();
    float[] unscaled = new float[size];
    for (int group = 0; group * size < matrix.columns(); group++) {
      long at = at(row, group / groupsPerBlock);
      block.decode(matrix.data(), at, group % groupsPerBlock, 1, 0, unscaled, 0);
      for (int i = 0; i < size; i++) {
        codes[group * size + i] = (byte) ((int) unscaled[i] - shift);
      }
    }
  }

  @Override
  public float scale(int row, int group) {
    return block.scale(matrix.data(), at(row, group / groupsPerBlock), group % groupsPerBlock);
  }

  /// What is added to a row's group once it is scaled.
  final float offset(int row, int group) {
    return block.offset(matrix.data(), at(row, group / groupsPerBlock), group % groupsPerBlock);
  }

  /// Formats with nothing but scales.
  private static final class Scaled extends BlockRows {
    Scaled(BlockMatrix matrix) {
      super(matrix);
    }

    @Override
    public void codes(int row, byte[] codes) {
      shifted(row, 0, codes);
    }
  }

  /// Formats with offsets: `scale * q + offset` is `scale * (code + (shift + offset / scale))`.
  ///
  /// Where the scale is 0 only the offset is left, and there is no quotient: such a group is kept
  /// with scale 1, codes 0, and the offset as what is added. Any other quotient is finite, its
  /// parts being F16 times at most 63. Where it is so large that codes vanish beside it, q vanishes
  /// beside the offset in `scale * q + offset` as well.
  private static final class Offset extends BlockRows {
    private final int shift;

    /// @param shift what codes are less than q: half of the range where a code is a signed nibble
    Offset(BlockMatrix matrix, int shift) {
      super(matrix);
      this.shift = shift;
    }

    @Override
    public void codes(int row, byte[] codes) {
      shifted(row, shift, codes);
      int size = block.groupSize();
      for (int group = 0; group * size < matrix.columns(); group++) {
        if (super.scale(row, group) == 0) {
          Arrays.fill(codes, group * size, (group + 1) * size, (byte) 0);
        }
      }
    }

    @Override
    public float scale(int row, int group) {
      float scale = super.scale(row, group);
      return scale == 0 ? 1 : scale;
    }

    @Override
    public float zero(int row, int group) {
      float scale = super.scale(row, group);
      float offset = offset(row, group);
      return scale == 0 ? offset : shift + offset / scale;
    }
  }

  /// MXFP4, whose nibbles stay as they are: those of the first half of a block's columns are low.
  private static final class Nibbles extends BlockRows {
    Nibbles(BlockMatrix matrix) {
      super(matrix);
    }

    @Override
    public void codes(int row, byte[] codes) {
      int half = block.coding().columns() / 2;
      for (int to = 0; to < matrix.columns(); to += 2 * half) {
        long from = at(row, to / (2 * half)) + 1; // behind the exponent
        for (int i = 0; i < half; i++) {
          byte pair = matrix.data().get(ValueLayout.JAVA_BYTE, from + i);
          codes[to + i] = (byte) (pair & 15);
          codes[to + i + half] = (byte) ((pair >> 4) & 15);
        }
      }
    }
  }
}
