package dev.tornadomoe.tensor;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/// One of ggml's block formats
/// ([structures](https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-common.h),
/// [decoding](https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-quants.c)): a run of
/// columns in a fixed number of bytes, scales included. Numbers are little-endian.
public sealed interface BlockFormat
    permits BlockQ40,
        BlockQ41,
        BlockQ50,
        BlockQ51,
        BlockQ80,
        BlockQ2K,
        BlockQ3K,
        BlockQ4K,
        BlockQ5K,
        BlockQ6K,
        BlockIq4Nl,
        BlockIq4Xs,
        BlockMxfp4 {

  /// Columns of a block and its bytes, with the name that ggml uses.
  Coding coding();

  /// The type of the scales inside.
  default DType scales() {
    return DType.F16;
  }

  /// Writes the values of one block.
  ///
  /// @param at its first byte
  /// @param to where its first value goes
  void decode(MemorySegment data, long at, float[] target, int to);

  /// Whether the scales of a block are numbers.
  ///
  /// @param at its first byte
  boolean isSound(MemorySegment data, long at);

  /// The format of this name, `Q4_K` say, or empty for one that is not read.
  static Optional<BlockFormat> named(String name) {
    return all().stream().filter(format -> format.coding().name().equals(name)).findFirst();
  }

  /// Those that are read.
  static List<BlockFormat> all() {
    return Blocks.ALL;
  }
}
