package dev.tornadomoe.parallel.mpi;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// Ends this process when a call of MPI that waits for the other ranks does not come back: nothing
/// else can, and they would wait for ever for each other.
final class Watchdog implements AutoCloseable {
  private final CountDownLatch back = new CountDownLatch(1);

  /// Begins to watch.
  ///
  /// @param seconds how long the call may take
  /// @param sentence what is said at the end
  @SuppressWarnings("SystemOut") // nobody is left to throw it to
  Watchdog(int seconds, String sentence) {
    Runnable watch =
        () -> {
          try {
            if (!back.await(seconds, TimeUnit.SECONDS)) {
              System.err.println("moe: " + sentence);
              MpiCommunicator.abandon(MpiCommunicator.FAILED);
            }
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        };
    Thread.ofPlatform().daemon().name("mpi-watchdog").start(watch);
  }

  /// The call has come back.
  @Override
  public void close() {
    back.countDown();
  }
}
