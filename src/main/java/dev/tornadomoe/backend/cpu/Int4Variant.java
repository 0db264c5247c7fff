package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.tensor.DType;

/// What differs between the copies of a kernel for 4-bit weights ([KernelCopies]).
///
/// @param scales the type of the scales
/// @param zeroPoints whether there are any
/// @param wholeChunks whether every group is one chunk of 32 columns, as in most files
record Int4Variant(DType scales, boolean zeroPoints, boolean wholeChunks) {

  static Int4Variant of(Int4Blocks blocks) {
    Int4Groups groups = blocks.groups();
    return new Int4Variant(
        blocks.scaleType(),
        blocks.zeroPoints(),
        groups.quadsPerGroup() == Int4Groups.CHUNK
            && groups.quads(groups.count() - 1) == Int4Groups.CHUNK);
  }

  boolean wideScales() {
    return scales == DType.F32;
  }

  boolean f16Scales() {
    return scales == DType.F16;
  }
}
