package dev.tornadomoe.backend.cpu;

import java.util.function.IntConsumer;

/// Threads that do the items of a task together.
@FunctionalInterface
public interface HostThreads {
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
}
