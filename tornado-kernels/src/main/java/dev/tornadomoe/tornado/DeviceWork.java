package dev.tornadomoe.tornado;

import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// What another thread does, one thing after the other, while this one goes on, and how it ended.
final class DeviceWork {
  /// How often who waits looks before it sleeps: some 200 microseconds. It needs 50 to be awake
  /// again, and a decode step has something to wait for every few hundred.
  private static final int SPINS = 8_000;

  private final Executor errands;
  private final AtomicLong done = new AtomicLong();
  private volatile @Nullable Thread waiting;
  private volatile @Nullable Throwable failure;
  private long begun;

  /// @param errands that another thread does, in order
  DeviceWork(Executor errands) {
    this.errands = errands;
  }

  /// A thread that there is for this alone.
  static ExecutorService ownThread() {
    return Executors.newSingleThreadExecutor(
        Thread.ofPlatform().daemon().name("moe-device").factory());
  }

  /// Begins something, as soon as what was begun before is done. After a failure nothing is done
  /// until somebody has heard of it.
  ///
  /// @return how many have been begun
  long begin(Runnable work) {
    errands.execute(() -> run(work)); // throws where the system gives no thread
    begun++;
    return begun;
  }

  /// Returns when all that was begun is done, and throws what that threw.
  void await() {
    await(begun);
  }

  /// The same for the first so many that were begun.
  ///
  /// @param count what [#begin] has returned
  void await(long count) {
    awaitDone(count);
    Throwable thrown = failure;
    if (thrown == null) {
      return;
    }
    settle();
    switch (thrown) {
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(thrown);
    }
  }

  /// Returns when all that was begun is done, and forgets what that threw.
  void settle() {
    awaitDone(begun);
    failure = null;
  }

  private void awaitDone(long count) {
    for (int spin = 0; done.get() < count; spin++) {
      if (spin < SPINS) {
        Thread.onSpinWait();
        continue;
      }
      waiting = Thread.currentThread();
      if (done.get() < count) {
        LockSupport.park(this);
        // An interrupted thread does not sleep: the call that it makes ends elsewhere.
        Thread.onSpinWait();
      }
    }
    waiting = null;
  }

  private void run(Runnable work) {
    try {
      if (failure == null) {
        work.run();
      }
    } catch (Throwable e) {
      failure = e;
    }
    done.incrementAndGet(); // publishes what it has done
    LockSupport.unpark(waiting);
  }
}
