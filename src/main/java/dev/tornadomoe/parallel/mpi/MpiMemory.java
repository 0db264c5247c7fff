package dev.tornadomoe.parallel.mpi;

import dev.tornadomoe.parallel.Message;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// A [Message] as MPI sees it: address, count and type. One span is so many bytes at its address;
/// several are a type of their own that holds their absolute addresses, so that MPI collects them
/// by itself.
final class MpiMemory {
  private final MpiFunctions mpi;
  private final MpiAbi abi;
  private final MemorySegment made = Arena.global().allocate(Long.BYTES, Long.BYTES);
  private int capacity;
  private MemorySegment lengths = MemorySegment.NULL;
  private MemorySegment addresses = MemorySegment.NULL;

  private long address;
  private int count;
  private long type;

  MpiMemory(MpiFunctions mpi, MpiAbi abi) {
    this.mpi = mpi;
    this.abi = abi;
  }

  /// Describes a message, until [#release].
  void describe(Message message) {
    if (message.spans() > 1) {
      address = MpiAbi.BOTTOM;
      count = 1;
      type = collect(message);
    } else {
      address = message.spans() == 0 ? MpiAbi.BOTTOM : address(message, 0);
      count = (int) message.bytes();
      type = abi.bytes();
    }
  }

  /// Where it begins.
  long address() {
    return address;
  }

  /// How many of the type there are.
  int count() {
    return count;
  }

  long type() {
    return type;
  }

  /// Gives the type back, which may be done as soon as the transfer has begun.
  void release() {
    if (type != abi.bytes()) {
      mpi.typeFree(made);
    }
  }

  private long collect(Message message) {
    int spans = message.spans();
    reserve(spans);
    for (int i = 0; i < spans; i++) {
      lengths.setAtIndex(ValueLayout.JAVA_INT, i, (int) message.length(i));
      addresses.setAtIndex(ValueLayout.JAVA_LONG, i, address(message, i));
    }
    mpi.createHindexed(spans, lengths, addresses, abi.bytes(), made);
    mpi.typeCommit(made);
    return abi.read(made);
  }

  private void reserve(int spans) {
    if (spans > capacity) {
      capacity = Math.max(spans, 2 * capacity);
      Arena arena = Arena.ofAuto();
      lengths = arena.allocate(ValueLayout.JAVA_INT, capacity);
      addresses = arena.allocate(ValueLayout.JAVA_LONG, capacity);
    }
  }

  /// MPI would write to memory that was given back.
  private static long address(Message message, int span) {
    MemorySegment segment = message.segment(span);
    if (!segment.scope().isAlive()) {
      throw new IllegalStateException("the message's memory was given back");
    }
    return segment.address() + message.offset(span);
  }
}
