package dev.tornadomoe.parallel.mpi;

import dev.tornadomoe.parallel.ParallelException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/// Waits by asking again and again, at first at once and then less and less often: a message is
/// often there, and there may be more ranks than cores. Not for ever.
final class Backoff {
  private static final long SPIN_NANOS = TimeUnit.MICROSECONDS.toNanos(20);

  /// Long messages travel in pieces, each of which waits for somebody to ask.
  private static final long YIELD_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private static final long PARK_NANOS = TimeUnit.MICROSECONDS.toNanos(50);

  /// A pause that takes longer is not one of ours: the process was stopped, and knows nothing of
  /// what the others did meanwhile.
  private static final long MOST_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final int rank;
  private final int seconds;
  private long last;
  private long waited;

  /// @param rank who waits
  /// @param seconds how long at most
  Backoff(int rank, int seconds) {
    this.rank = rank;
    this.seconds = seconds;
  }

  /// A new wait.
  void begin() {
    last = System.nanoTime();
    waited = 0;
  }

  /// Waits a little.
  ///
  /// @return whether there is time left
  @SuppressWarnings(
      "ThreadPriorityCheck") // lets another rank of this core go on; parks if that fails
  boolean pause() {
    long now = System.nanoTime();
    waited += Math.min(now - last, MOST_NANOS);
    last = now;
    if (waited < SPIN_NANOS) {
      Thread.onSpinWait();
    } else if (waited < YIELD_NANOS) {
      Thread.yield();
    } else {
      LockSupport.parkNanos(PARK_NANOS);
    }
    return waited < TimeUnit.SECONDS.toNanos(seconds);
  }

  /// What to throw when there is none.
  ///
  /// @param whom for whom this rank has waited, and what for
  ParallelException over(String whom) {
    return new ParallelException(
        "rank " + rank + " has waited " + seconds + " s for " + whom + ": it hangs, or is gone");
  }
}
