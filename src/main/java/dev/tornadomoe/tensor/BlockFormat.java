package dev.tornadomoe.tensor;

import java.lang.foreign.MemorySegment;

/// One of ggml's block formats
/// ([structures](https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-common.h),
/// [decoding](https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-quants.c)): a run of
/// columns in a fixed number of bytes, scales included. Numbers are little-endian. Each run of
/// [#groupSize] columns is a group: `value = scale * q`, or `value = scale * q + offset`.
public interface BlockFormat {

  /// {@return columns of a block and its bytes, with the name that ggml uses}
  Coding coding();

  /// {@return the type of the scales inside}
  default DType scales() {
    return DType.F16;
  }

  /// {@return columns that share a scale; a block is one or more such groups}
  default int groupSize() {
    return 32;
  }

  /// {@return whether groups have an offset}
  default boolean hasOffsets() {
    return false;
  }

  /// Writes the values of one group with this scale and offset: with 1 and 0 they are q, a whole
  /// number from -128 to 127 in all formats but MXFP4, which has E2M1's. Formats without offsets
  /// add none, not even 0, which would make 0 of -0.
  ///
  /// @param data blocks one after the other
  /// @param at the block's first byte
  /// @param group of the block
  /// @param scale what q is multiplied by
  /// @param offset what is added then
  /// @param target F32, [#groupSize] elements of which are written
  /// @param to where its first value goes
  void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to);

  /// {@return what a group's q are multiplied by}
  ///
  /// @param data blocks one after the other
  /// @param at the block's first byte
  /// @param group of the block
  float scale(MemorySegment data, long at, int group);

  /// {@return what is added to a group's values once they are scaled, 0 in formats that have none}
  ///
  /// @param data blocks one after the other
  /// @param at the block's first byte
  /// @param group of the block
  default float offset(MemorySegment data, long at, int group) {
    return 0;
  }

  /// Writes the values of one block.
  ///
  /// @param data blocks one after the other
  /// @param at its first byte
  /// @param target F32, a block's columns of which are written
  /// @param to where its first value goes
  default void decode(MemorySegment data, long at, float[] target, int to) {
    int size = groupSize();
    for (int group = 0; group < coding().columns() / size; group++) {
      float scale = scale(data, at, group);
      float offset = offset(data, at, group);
      decode(data, at, group, scale, offset, target, to + group * size);
    }
  }

  /// {@return whether the scales of a block are finite numbers}
  ///
  /// @param data blocks one after the other
  /// @param at its first byte
  boolean isSound(MemorySegment data, long at);
}
