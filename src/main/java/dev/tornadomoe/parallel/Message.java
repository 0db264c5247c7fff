package dev.tornadomoe.parallel;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;

/// Memory to send from or to receive into: any number of spans that need not lie side by side, so
/// that rows travel from where they are to where they belong. Make one and use it again: filling it
/// allocates nothing once it is as long as it ever gets.
public final class Message {
  private MemorySegment[] segments = new MemorySegment[8];
  private long[] offsets = new long[8];
  private long[] lengths = new long[8];
  private int spans;
  private long bytes;

  /// Makes an empty one.
  public Message() {}

  /// {@return this message, emptied}
  public Message clear() {
    Arrays.fill(segments, 0, spans, MemorySegment.NULL); // or the memory would live as long as this
    spans = 0;
    bytes = 0;
    return this;
  }

  /// Adds a span behind the others. Spans that lie side by side become one.
  ///
  /// @param segment native memory
  /// @param offset its first byte in the segment
  /// @param length in bytes
  /// @return this message
  /// @throws IllegalArgumentException for memory of the Java heap, which moves
  /// @throws IndexOutOfBoundsException when the span is not in the segment
  public Message add(MemorySegment segment, long offset, long length) {
    if (!segment.isNative()) {
      throw new IllegalArgumentException("messages travel from and to native memory");
    }
    Objects.checkFromIndexSize(offset, length, segment.byteSize()); // nobody else checks it
    if (length == 0) {
      return this;
    }
    bytes += length;
    int last = spans - 1;
    if (last >= 0 && segments[last].equals(segment) && offsets[last] + lengths[last] == offset) {
      lengths[last] += length;
      return this;
    }
    if (spans == segments.length) {
      segments = Arrays.copyOf(segments, 2 * spans);
      offsets = Arrays.copyOf(offsets, 2 * spans);
      lengths = Arrays.copyOf(lengths, 2 * spans);
    }
    segments[spans] = segment;
    offsets[spans] = offset;
    lengths[spans] = length;
    spans++;
    return this;
  }

  /// {@return how many spans there are; neighbours count as one}
  public int spans() {
    return spans;
  }

  /// {@return the length of all spans in bytes}
  public long bytes() {
    return bytes;
  }

  /// {@return the segment that a span lies in}
  ///
  /// @param span index from 0
  public MemorySegment segment(int span) {
    return segments[span];
  }

  /// {@return a span's first byte in its segment}
  ///
  /// @param span index from 0
  public long offset(int span) {
    return offsets[span];
  }

  /// {@return a span's length in bytes}
  ///
  /// @param span index from 0
  public long length(int span) {
    return lengths[span];
  }
}
