package dev.tornadomoe.backend.cpu.kernel.int4;

import dev.tornadomoe.backend.cpu.kernel.KernelCopies;
import dev.tornadomoe.backend.cpu.kernel.rows.CpuMatrix;
import dev.tornadomoe.backend.cpu.kernel.rows.Int4Groups;
import dev.tornadomoe.tensor.DType;
import java.lang.invoke.MethodHandles;

/// What differs between the copies of a kernel for 4-bit weights ([KernelCopies]).
///
/// @param scales the type of the scales
/// @param zeroPoints whether there are any
/// @param wholeChunks whether every group is one chunk of 32 columns, as in most files
public record Int4Variant(DType scales, boolean zeroPoints, boolean wholeChunks) {

  private static Int4Variant of(Int4Blocks blocks) {
    Int4Groups groups = blocks.groups();
    return new Int4Variant(
        blocks.scaleType(),
        blocks.zeroPoints(),
        groups.quadsPerGroup() == Int4Groups.CHUNK
            && groups.quads(groups.count() - 1) == Int4Groups.CHUNK);
  }

  /// The copy of the exact kernel for these blocks.
  public static CpuMatrix exact(Int4Blocks blocks) {
    return copy(CpuMatrix.class, VectorInt4.class, blocks);
  }

  /// The copy of the kernel for rounded activations.
  public static CpuMatrix fast(Int4Blocks blocks) {
    return copy(CpuMatrix.class, VectorInt4Fast.class, blocks);
  }

  /// The same for one token.
  static Int4OneToken exactOne(Int4Blocks blocks) {
    return copy(Int4OneToken.class, VectorInt4One.class, blocks);
  }

  /// The same for one token.
  static Int4OneToken fastOne(Int4Blocks blocks) {
    return copy(Int4OneToken.class, VectorInt4FastOne.class, blocks);
  }

  private static <T> T copy(Class<T> type, Class<? extends T> kernel, Int4Blocks blocks) {
    return KernelCopies.create(MethodHandles.lookup(), type, kernel, of(blocks), blocks);
  }

  boolean wideScales() {
    return scales == DType.F32;
  }

  boolean f16Scales() {
    return scales == DType.F16;
  }
}
