package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/// The end of a reduction: adds what is folded in, and writes the finished elements. Each element
/// is read from the addends before it is written, so an addend may be the target's own memory.
///
/// @param addends in the order of addition
/// @param target finished rows
public record Epilogue(List<BufferRef> addends, BufferRef target) {

  /// Finishes a part of one row.
  ///
  /// @param sum its elements; changed
  void apply(int token, int column, float[] sum, int count) {
    for (int a = 0; a < addends.size(); a++) {
      BufferRef addend = addends.get(a);
      if (addend.dtype() == DType.F32) {
        MemorySegment segment = addend.segment();
        long at = addend.offset(token) + column * 4L;
        for (int i = 0; i < count; i++) {
          sum[i] += segment.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at + i * 4L);
        }
      } else {
        for (int i = 0; i < count; i++) {
          sum[i] += addend.getFloat(token, column + i);
        }
      }
    }
    target.writeRow(token, column, sum, 0, count);
  }
}
