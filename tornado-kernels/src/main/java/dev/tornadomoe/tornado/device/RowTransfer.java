package dev.tornadomoe.tornado.device;

import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.LongStream;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// The only place where rows go between a caller's memory and arrays. On the device they are F32.
///
/// @param type of the caller's rows
/// @param width elements of a row
/// @param stride elements from one row of the caller's to the next
public record RowTransfer(DType type, int width, long stride) {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

  /// What is worth its own thread: one core copies at a fraction of the memory's speed.
  private static final long PART_BYTES = 1 << 20;

  /// To the array's beginning.
  public void in(MemorySegment rows, int first, int count, FloatArray array) {
    MemorySegment target = array.getSegment();
    if (type == DType.F32 && stride == width) {
      copy(rows, first * stride * 4, target, 0, (long) count * width * 4);
      return;
    }
    for (int r = 0; r < count; r++) {
      long from = (first + r) * stride * type.bytes();
      if (type == DType.F32) {
        MemorySegment.copy(rows, from, target, (long) r * width * 4, width * 4L);
      } else {
        for (int c = 0; c < width; c++) {
          short bits = rows.get(SHORT, from + c * 2L);
          array.set(
              r * width + c,
              type == DType.BF16 ? BFloat16.toFloat(bits) : Float.float16ToFloat(bits));
        }
      }
    }
  }

  /// From the array's beginning.
  public void out(FloatArray array, MemorySegment rows, int first, int count) {
    MemorySegment source = array.getSegment();
    if (type == DType.F32 && stride == width) {
      copy(source, 0, rows, first * stride * 4, (long) count * width * 4);
      return;
    }
    for (int r = 0; r < count; r++) {
      long to = (first + r) * stride * type.bytes();
      if (type == DType.F32) {
        MemorySegment.copy(source, (long) r * width * 4, rows, to, width * 4L);
      } else {
        for (int c = 0; c < width; c++) {
          float value = array.get(r * width + c);
          rows.set(
              SHORT,
              to + c * 2L,
              type == DType.BF16 ? BFloat16.fromFloat(value) : Float.floatToFloat16(value));
        }
      }
    }
  }

  /// On all cores where it is much, and not at all where it is there already.
  private static void copy(
      MemorySegment source, long from, MemorySegment target, long to, long bytes) {
    if (isSame(source, from, target, to)) {
      return;
    }
    if (bytes <= PART_BYTES) {
      MemorySegment.copy(source, from, target, to, bytes);
      return;
    }
    LongStream.range(0, Math.ceilDiv(bytes, PART_BYTES))
        .map(part -> part * PART_BYTES)
        .parallel()
        .forEach(at ->
            MemorySegment.copy(
                source, from + at, target, to + at, Math.min(PART_BYTES, bytes - at)));
  }

  private static boolean isSame(MemorySegment source, long from, MemorySegment target, long to) {
    return source.isNative()
        && target.isNative()
        && source.address() + from == target.address() + to;
  }

  /// Ids `[M, k]` from the array's beginning.
  public static void idsOut(IntArray array, MemorySegment ids, long first, long count) {
    copy(array.getSegment(), 0, ids, first * 4, count * 4);
  }

  /// Ids `[M, k]` to the array's beginning.
  public static void ids(MemorySegment ids, long first, long count, IntArray array) {
    copy(ids, first * 4, array.getSegment(), 0, count * 4);
  }
}
