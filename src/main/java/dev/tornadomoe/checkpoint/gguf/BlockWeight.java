package dev.tornadomoe.checkpoint.gguf;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/// A weight in one of ggml's block formats, or a part of the outputs of one, on the file's own
/// bytes.
///
/// @param file for messages
/// @param name for messages
/// @param block the format
/// @param selection which of the stored outputs
/// @param columns input features
/// @param data all stored outputs
record BlockWeight(
    String file,
    String name,
    BlockFormat block,
    RowSelection selection,
    int columns,
    MemorySegment data)
    implements Weight {

  @Override
  public int rows() {
    return selection.count();
  }

  @Override
  public WeightFormat format() {
    return BlockMatrix.format(block);
  }

  @Override
  public long bytesToLoad() {
    return 0;
  }

  @Override
  public BlockMatrix load(Arena arena) {
    long rowBytes = block.coding().rowBytes(columns);
    for (int row = 0; row < rows(); row++) {
      long from = selection.stored(row) * rowBytes;
      for (long at = from; at < from + rowBytes; at += block.coding().bytes()) {
        if (!block.isSound(data, at)) {
          throw new CheckpointException(
              String.format(
                  Locale.ROOT,
                  "%s: tensor \"%s\" has a scale that is no finite number in block %d of row %d",
                  file,
                  name,
                  (at - from) / block.coding().bytes(),
                  row));
        }
      }
    }
    return new BlockMatrix(block, selection, columns, data);
  }
}
