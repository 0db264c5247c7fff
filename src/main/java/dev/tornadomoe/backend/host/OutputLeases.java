package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.plan.CallerRegion;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The memory that calls are writing right now, in this process. Two calls that write the same
/// memory at once would each destroy the other's result, so the second one is refused.
public final class OutputLeases {
  private static final int MOST = 1024;

  /// Slots of calls that are under way; a free one is null. Reused, so that a call allocates
  /// nothing.
  private static final @Nullable MemorySegment[] IN_FLIGHT = new @Nullable MemorySegment[MOST];

  private static int used;

  private OutputLeases() {}

  /// Takes a lease.
  ///
  /// @param region that the memory is
  /// @return to be given to [#release]
  /// @throws BackendException when another call writes this memory
  public static synchronized int acquire(CallerRegion region, MemorySegment output) {
    int free = -1;
    for (int i = 0; i < used; i++) {
      MemorySegment other = IN_FLIGHT[i];
      if (other == null) {
        free = i;
      } else if (Overlap.exists(output, other)) {
        throw new BackendException(
            String.format(
                Locale.ROOT,
                "DOUBLE_DONATION: %s is being written by another call at the same time",
                region));
      }
    }
    if (free < 0) {
      if (used == MOST) {
        throw new BackendException(
            String.format(Locale.ROOT, "more than %d calls at the same time", MOST));
      }
      free = used++;
    }
    IN_FLIGHT[free] = output;
    return free;
  }

  /// Gives a lease back.
  public static synchronized void release(int lease) {
    IN_FLIGHT[lease] = null;
  }
}
