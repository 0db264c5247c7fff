package dev.tornadomoe.tornado;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A thread that does one thing at a time for another, which goes on meanwhile. Both look for each
/// other a little before they sleep: a decode step has something for it every few hundred
/// microseconds.
final class DeviceThread implements AutoCloseable {
  /// How often each looks: some 200 microseconds. Who sleeps needs 50 to be awake again.
  private static final int SPINS = 8_000;

  private final Thread thread =
      Thread.ofPlatform().daemon().name("moe-device").unstarted(this::work);
  private volatile @Nullable Runnable task;
  private volatile @Nullable Thread waiting;
  private volatile boolean closed;
  private @Nullable Throwable failure;
  private boolean begun;

  /// Begins something, when what was begun before is done.
  ///
  /// @param work done by this thread
  void begin(Runnable work) {
    settle();
    if (!begun) {
      thread.start(); // throws where the system gives no thread
      begun = true;
    }
    task = work;
    LockSupport.unpark(thread);
  }

  /// Returns when what was begun is done, and throws what that threw.
  void await() {
    awaitDone();
    Throwable thrown = failure;
    failure = null;
    switch (thrown) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(thrown);
    }
  }

  /// Returns when what was begun is done, and forgets what that threw.
  void settle() {
    awaitDone();
    failure = null;
  }

  private void awaitDone() {
    for (int spin = 0; task != null; spin++) {
      if (spin < SPINS) {
        Thread.onSpinWait();
        continue;
      }
      waiting = Thread.currentThread();
      if (task != null) {
        LockSupport.park(this);
        // An interrupted thread does not sleep: the call that it makes ends elsewhere.
        Thread.onSpinWait();
      }
    }
    waiting = null;
  }

  private void work() {
    for (int spin = 0; ; spin++) {
      Runnable work = task;
      if (work != null) {
        run(work);
        spin = 0;
      } else if (closed) {
        return;
      } else if (spin < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.park(this);
        spin = 0;
      }
    }
  }

  private void run(Runnable work) {
    try {
      work.run();
    } catch (Throwable e) {
      failure = e;
    }
    task = null; // publishes the above
    LockSupport.unpark(waiting);
  }

  /// Waits for what was begun and ends the thread.
  @Override
  public void close() {
    awaitDone();
    closed = true;
    LockSupport.unpark(thread);
  }
}
