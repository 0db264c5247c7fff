package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import java.util.List;
import java.util.Optional;

/// The block formats that are read.
public final class BlockFormats {
  private static final List<BlockFormat> ALL =
      List.of(
          new BlockQ40(),
          new BlockQ41(),
          new BlockQ50(),
          new BlockQ51(),
          new BlockQ80(),
          new BlockQ2K(),
          new BlockQ3K(),
          new BlockQ4K(),
          new BlockQ5K(),
          new BlockQ6K(),
          new BlockIq1S(),
          new BlockIq1M(),
          new BlockIq2Xxs(),
          new BlockIq2Xs(),
          new BlockIq2S(),
          new BlockIq3Xxs(),
          new BlockIq3S(),
          new BlockIq4Nl(),
          new BlockIq4Xs(),
          new BlockMxfp4(),
          new BlockTq10(),
          new BlockTq20());

  private BlockFormats() {}

  /// {@return every format that is read}
  public static List<BlockFormat> all() {
    return ALL;
  }

  /// {@return the format of this name, `Q4_K` say, or empty for one that is not read}
  ///
  /// @param name as ggml has it
  public static Optional<BlockFormat> named(String name) {
    return ALL.stream().filter(format -> format.coding().name().equals(name)).findFirst();
  }
}
