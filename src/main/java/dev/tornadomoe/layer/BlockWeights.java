package dev.tornadomoe.layer;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.block.BlockFormats;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/// Weights in ggml's block formats that are in memory already: those of an engine's own mapped GGUF
/// file, say.
public final class BlockWeights {
  private BlockWeights() {}

  /// A weight whose blocks lie somewhere. Nothing is copied, so the memory must stay as it is until
  /// nobody uses the weight.
  ///
  /// @param format its name, as ggml has it: `Q8_0`, `Q4_K`
  /// @param name what messages call the weight
  /// @param rows output features
  /// @param columns input features, a whole number of blocks
  /// @param blocks the rows one after the other, and nothing else
  /// @return a weight that is loaded already
  /// @throws LayerException saying what is expected, for a format that is not read, a length that
  ///   does not suit the shape, or a scale that is no finite number
  public static Weight of(String format, String name, int rows, int columns, MemorySegment blocks) {
    BlockFormat block = BlockFormats.named(format).orElseThrow(() -> unknown(format, name));
    int run = block.coding().columns();
    long bytes = rows * block.coding().rowBytes(columns);
    if (rows < 1 || columns < 1 || columns % run != 0 || blocks.byteSize() != bytes) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "weight \"%s\": expected %d bytes for %d rows of %d columns in %s, which has blocks"
                  + " of %d, found %d",
              name,
              bytes,
              rows,
              columns,
              format,
              run,
              blocks.byteSize()));
    }
    for (long at = 0; at < bytes; at += block.coding().bytes()) {
      if (!block.isSound(blocks, at)) {
        throw new LayerException(
            String.format(
                Locale.ROOT,
                "weight \"%s\" has a scale that is no finite number in row %d",
                name,
                at / (bytes / rows)));
      }
    }
    return Weight.of(name, new BlockMatrix(block, RowSelection.all(rows), columns, blocks));
  }

  private static LayerException unknown(String format, String name) {
    return new LayerException(
        String.format(
            Locale.ROOT,
            "weight \"%s\": format %s is not one of %s",
            name,
            format,
            BlockFormats.all().stream().map(known -> known.coding().name()).toList()));
  }
}
