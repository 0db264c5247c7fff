package dev.tornadomoe.backend.cpu.kernel.decode;

import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.block.CodebookFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/// Decodes rows of ggml's blocks. The formats that most files are in have a vector decoder each, to
/// the same bits as [dev.tornadomoe.tensor.BlockFormat]'s.
abstract class VectorBlocks implements RowDecoder {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final BlockMatrix matrix;
  private final Coding coding;
  private final long rowBytes;

  VectorBlocks(BlockMatrix matrix) {
    this.matrix = matrix;
    this.coding = matrix.block().coding();
    this.rowBytes = coding.rowBytes(matrix.columns());
  }

  /// The vector decoder of a matrix's format, or null when it has none.
  static @Nullable RowDecoder of(BlockMatrix matrix) {
    if (matrix.block() instanceof CodebookFormat format) {
      return new VectorCodebook(matrix, format);
    }
    return switch (matrix.block().coding().name()) {
      case "Q4_0" -> new VectorQ40(matrix);
      case "Q8_0" -> new VectorQ80(matrix);
      case "Q4_K" -> new VectorQ4K(matrix);
      case "Q5_K" -> new VectorQ5K(matrix);
      case "Q6_K" -> new VectorQ6K(matrix);
      case "MXFP4" -> new VectorBlockMxfp4(matrix);
      default -> null;
    };
  }

  @Override
  public final void decode(int row, float[] target, int at) {
    long from = rowAt(row);
    for (int column = 0; column < matrix.columns(); column += coding.columns()) {
      decodeBlock(matrix.data(), from, target, at + column);
      from += coding.bytes();
    }
  }

  /// The first byte of a row.
  final long rowAt(int row) {
    return matrix.selection().stored(row) * rowBytes;
  }

  final int columns() {
    return matrix.columns();
  }

  final MemorySegment data() {
    return matrix.data();
  }

  /// Writes the values of the block that begins at a byte.
  abstract void decodeBlock(MemorySegment data, long at, float[] target, int to);

  static float half(MemorySegment data, long at) {
    return Float.float16ToFloat(data.get(SHORT, at));
  }
}
