package dev.tornadomoe.tornado;

import java.util.concurrent.Executor;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// One thing at a time that another thread does while this one goes on, and how it ended.
final class DeviceWork {
  /// How often who waits looks before it sleeps: some 200 microseconds. It needs 50 to be awake
  /// again, and a decode step has something to wait for every few hundred.
  private static final int SPINS = 8_000;

  private final Executor errands;
  private final Runnable run = this::run;
  private volatile @Nullable Runnable task;
  private volatile @Nullable Thread waiting;
  private @Nullable Throwable failure;

  /// @param errands that another thread does, in order
  DeviceWork(Executor errands) {
    this.errands = errands;
  }

  /// Begins something, when what was begun before is done.
  void begin(Runnable work) {
    settle();
    task = work;
    try {
      errands.execute(run);
    } catch (RuntimeException | Error e) {
      task = null; // the system gives no thread
      throw e;
    }
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

  private void run() {
    Runnable work = task;
    try {
      if (work != null) {
        work.run();
      }
    } catch (Throwable e) {
      failure = e;
    }
    task = null; // publishes the above
    LockSupport.unpark(waiting);
  }
}
