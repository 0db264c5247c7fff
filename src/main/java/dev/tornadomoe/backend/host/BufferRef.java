package dev.tornadomoe.backend.host;

import dev.tornadomoe.plan.Buffer;
import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Where a plan's buffer is right now. Steps are compiled against these; a call binds the caller's
/// buffers anew, so that nothing is allocated for it.
public final class BufferRef {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

  private final Buffer buffer;
  private final DType dtype;
  private final long rowBytes;
  private MemorySegment segment = MemorySegment.NULL;
  private long offset;

  BufferRef(Buffer buffer) {
    this.buffer = buffer;
    this.dtype = buffer.dtype();
    this.rowBytes = buffer.rowStride() * dtype.bytes();
  }

  void bind(MemorySegment memory, long firstByte) {
    segment = memory;
    offset = firstByte;
  }

  Buffer buffer() {
    return buffer;
  }

  /// The memory it lies in.
  public MemorySegment segment() {
    return segment;
  }

  /// Its first byte in [#segment].
  public long offset() {
    return offset;
  }

  /// The first byte of a row in [#segment].
  public long offset(long row) {
    return offset + row * rowBytes;
  }

  public DType dtype() {
    return dtype;
  }

  /// Element `column` of a row, whatever the float type.
  public float getFloat(long row, int column) {
    long rowStart = offset + row * rowBytes;
    return switch (dtype) {
      case F32 -> segment.get(FLOAT, rowStart + column * 4L);
      case F16 -> Float.float16ToFloat(segment.get(SHORT, rowStart + column * 2L));
      case BF16 -> BFloat16.toFloat(segment.get(SHORT, rowStart + column * 2L));
      default -> throw new IllegalStateException(buffer + " is " + dtype);
    };
  }

  /// Sets element `column` of a row, rounding to nearest where the type is shorter.
  public void setFloat(long row, int column, float value) {
    long rowStart = offset + row * rowBytes;
    switch (dtype) {
      case F32 -> segment.set(FLOAT, rowStart + column * 4L, value);
      case F16 -> segment.set(SHORT, rowStart + column * 2L, Float.floatToFloat16(value));
      case BF16 -> segment.set(SHORT, rowStart + column * 2L, BFloat16.fromFloat(value));
      default -> throw new IllegalStateException(buffer + " is " + dtype);
    }
  }

  /// Element `index` of an I32 buffer.
  public int getInt(long index) {
    return segment.get(INT, offset + index * 4);
  }

  /// Sets element `index` of an I32 buffer.
  public void setInt(long index, int value) {
    segment.set(INT, offset + index * 4, value);
  }

  /// Copies `count` elements of a row, as floats.
  public void readRow(long row, float[] target, int at, int count) {
    if (dtype == DType.F32) {
      MemorySegment.copy(segment, FLOAT, offset(row), target, at, count);
    } else {
      for (int column = 0; column < count; column++) {
        target[at + column] = getFloat(row, column);
      }
    }
  }

  /// Sets `count` elements of a row, rounding to nearest where the type is shorter.
  ///
  /// @param column the first one set
  public void writeRow(long row, int column, float[] source, int at, int count) {
    long to = offset(row) + (long) column * dtype.bytes();
    switch (dtype) {
      case F32 -> MemorySegment.copy(source, at, segment, FLOAT, to, count);
      case F16 -> {
        for (int i = 0; i < count; i++) {
          segment.set(SHORT, to + i * 2L, Float.floatToFloat16(source[at + i]));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          segment.set(SHORT, to + i * 2L, BFloat16.fromFloat(source[at + i]));
        }
      }
      default -> throw new IllegalStateException(buffer + " is " + dtype);
    }
  }
}
