package dev.tornadomoe.parallel;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;

/// Memory to send from or to receive into: any number of blocks that need not lie side by side, so
/// that rows travel from where they are to where they belong. Make one and use it again: filling it
/// allocates nothing once it is as long as it ever gets.
public final class Message {
  private MemorySegment[] segments = new MemorySegment[8];
  private long[] offsets = new long[8];
  private long[] lengths = new long[8];
  private int blocks;
  private long bytes;

  /// Makes an empty one.
  public Message() {}

  /// {@return this message, emptied}
  public Message clear() {
    Arrays.fill(
        segments, 0, blocks, MemorySegment.NULL); // or the memory would live as long as this
    blocks = 0;
    bytes = 0;
    return this;
  }

  /// Adds a block behind the others. Blocks that lie side by side become one.
  ///
  /// @param segment native memory
  /// @param offset its first byte in the segment
  /// @param length in bytes
  /// @return this message
  /// @throws IllegalArgumentException for memory of the Java heap, which moves
  /// @throws IndexOutOfBoundsException when the block is not in the segment
  public Message add(MemorySegment segment, long offset, long length) {
    if (!segment.isNative()) {
      throw new IllegalArgumentException("messages travel from and to native memory");
    }
    Objects.checkFromIndexSize(offset, length, segment.byteSize()); // nobody else checks it
    if (length == 0) {
      return this;
    }
    bytes += length;
    int last = blocks - 1;
    if (last >= 0 && segments[last].equals(segment) && offsets[last] + lengths[last] == offset) {
      lengths[last] += length;
      return this;
    }
    if (blocks == segments.length) {
      segments = Arrays.copyOf(segments, 2 * blocks);
      offsets = Arrays.copyOf(offsets, 2 * blocks);
      lengths = Arrays.copyOf(lengths, 2 * blocks);
    }
    segments[blocks] = segment;
    offsets[blocks] = offset;
    lengths[blocks] = length;
    blocks++;
    return this;
  }

  /// {@return how many blocks there are; neighbours count as one}
  public int blocks() {
    return blocks;
  }

  /// {@return the length of all blocks in bytes}
  public long bytes() {
    return bytes;
  }

  /// {@return the segment that a block lies in}
  ///
  /// @param block index from 0
  public MemorySegment segment(int block) {
    return segments[block];
  }

  /// {@return a block's first byte in its segment}
  ///
  /// @param block index from 0
  public long offset(int block) {
    return offsets[block];
  }

  /// {@return a block's length in bytes}
  ///
  /// @param block index from 0
  public long length(int block) {
    return lengths[block];
  }
}
