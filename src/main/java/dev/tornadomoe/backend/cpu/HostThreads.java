package dev.tornadomoe.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.util.function.IntConsumer;

/// Threads that do the items of a task together.
@FunctionalInterface
public interface HostThreads {
  /// What one of them copies at once: much longer than it takes to hand it out.
  long COPIED_BYTES = 128 << 10;

  /// The thread that calls, alone.
  HostThreads CALLING =
      (items, item) -> {
        for (int i = 0; i < items; i++) {
          item.accept(i);
        }
      };

  /// Does all items, and returns when the last one is done. The thread that calls is one of those
  /// that do them; where the others have something else to do, it does all.
  ///
  /// @param items how many
  /// @param item does one, from 0; what it throws ends the task
  void run(int items, IntConsumer item);

  /// Copies memory, each thread some of it.
  ///
  /// @param to as long
  default void copy(MemorySegment from, MemorySegment to) {
    long bytes = from.byteSize();
    run(
        Math.toIntExact(Math.ceilDiv(bytes, COPIED_BYTES)),
        item -> {
          long at = item * COPIED_BYTES;
          MemorySegment.copy(from, at, to, at, Math.min(COPIED_BYTES, bytes - at));
        });
  }
}
