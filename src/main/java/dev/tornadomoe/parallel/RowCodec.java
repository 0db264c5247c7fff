package dev.tornadomoe.parallel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Rows in a short format: the scales of all groups, then a byte for each column.
///
/// @param format INT8 or FP8
/// @param hidden H
record RowCodec(DispatchFormat format, int hidden) {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private int scaleBytes() {
    return Math.ceilDiv(hidden, DispatchFormat.GROUP) * Float.BYTES;
  }

  /// Shortens a row.
  ///
  /// @param row the first byte of its F32 values
  /// @param at where its first byte goes
  void encode(MemorySegment rows, long row, MemorySegment codes, long at) {
    for (int first = 0, group = 0; first < hidden; first += DispatchFormat.GROUP, group++) {
      int end = Math.min(hidden, first + DispatchFormat.GROUP);
      float most = 0;
      for (int c = first; c < end; c++) {
        // Math.max keeps a NaN.
        most = Math.max(most, Math.abs(rows.get(FLOAT, row + c * 4L)));
      }
      float scale = format.scale(most);
      if (scale < Float.MIN_NORMAL) {
        scale = 0; // its inverse would be infinite
      } else if (Float.isInfinite(scale)) {
        scale = Float.NaN;
      }
      codes.set(FLOAT, at + group * 4L, scale);
      float inverse = scale == 0 ? 0 : 1 / scale;
      for (int c = first; c < end; c++) {
        byte code = format.code(rows.get(FLOAT, row + c * 4L) * inverse);
        codes.set(ValueLayout.JAVA_BYTE, at + scaleBytes() + c, code);
      }
    }
  }

  /// Brings a row back to F32.
  ///
  /// @param at its first byte
  /// @param row where the first byte of its F32 values goes
  void decode(MemorySegment codes, long at, MemorySegment rows, long row) {
    for (int first = 0, group = 0; first < hidden; first += DispatchFormat.GROUP, group++) {
      int end = Math.min(hidden, first + DispatchFormat.GROUP);
      float scale = codes.get(FLOAT, at + group * 4L);
      for (int c = first; c < end; c++) {
        byte code = codes.get(ValueLayout.JAVA_BYTE, at + scaleBytes() + c);
        rows.set(FLOAT, row + c * 4L, scale * format.value(code));
      }
    }
  }
}
