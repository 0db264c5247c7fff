package dev.tornadomoe.backend.cpu.team;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// Threads that work through the items of one task together with the thread that asks. A decode
/// step is a handful of tasks of some hundred microseconds, so workers spin a little before they
/// sleep, and handing them a task allocates nothing.
///
/// Each has a share of the items, one behind the other, so that it goes through memory in order;
/// who is done with its own helps the others. A task is over when its items are done: nobody waits
/// for a worker that is still waking up.
///
/// Sessions share a team. A session that finds it busy does its task alone: which thread does an
/// item never changes a result.
///
/// The last worker also does errands, such as to wait for a device: the others have its share of
/// the items meanwhile, and no core has a thread more than it can run.
public final class WorkerTeam implements AutoCloseable {
  /// How often a worker looks for the next task before it sleeps: some 50 microseconds.
  private static final int SPINS = 2_000;

  private static final int APART = 32;

  /// What the names of workers begin with; the system keeps 15 characters.
  static final String THREAD_NAME = "moe-worker-";

  /// One item of a task.
  public interface Task {

    /// Does one item.
    ///
    /// @param item from 0
    /// @param worker which of the team does it, from 0; two items never have the same at once
    void run(int item, int worker);
  }

  /// In [#working] where a task takes no more workers.
  private static final int CLOSED = 1 << 30;

  private final Thread[] workers;

  /// For each worker 1 while it sleeps, or is about to.
  private final AtomicIntegerArray parked;

  private final ReentrantLock owner = new ReentrantLock();

  /// The next item of each share, far enough apart to lie in cache lines of their own.
  private final AtomicIntegerArray nextItems;

  /// What the last worker does before it goes on with items.
  private final Queue<Runnable> errands = new ConcurrentLinkedQueue<>();

  /// How many workers are in the task that is under way.
  private final AtomicInteger working = new AtomicInteger(CLOSED);

  private @Nullable Task task;
  private int items;
  private volatile int round;
  private volatile @Nullable Throwable failure;
  private volatile boolean closed;

  /// Starts a team.
  ///
  /// @param threads how many work, the asking one included
  public WorkerTeam(int threads) {
    workers = new Thread[threads - 1];
    parked = new AtomicIntegerArray(threads - 1);
    nextItems = new AtomicIntegerArray(threads * APART);
    for (int i = 0; i < workers.length; i++) {
      int worker = i;
      workers[i] =
          Thread.ofPlatform().daemon().name(THREAD_NAME + (i + 1)).start(() -> work(worker));
    }
  }

  /// How many threads work, the asking one included.
  public int threads() {
    return workers.length + 1;
  }

  /// Who does errands, one after the other, or null where the asking thread works alone. An errand
  /// throws nothing, and waits for no other.
  public @Nullable Executor errands() {
    return workers.length == 0 ? null : this::send;
  }

  private void send(Runnable errand) {
    errands.add(errand);
    int last = workers.length - 1;
    if (parked.get(last) != 0) {
      LockSupport.unpark(workers[last]);
    }
  }

  private boolean hasErrand(int worker) {
    return worker == workers.length - 1 && !errands.isEmpty();
  }

  /// Does something while no task is under way.
  public void between(Runnable change) {
    owner.lock();
    try {
      change.run();
    } finally {
      owner.unlock();
    }
  }

  /// Does all items of a task and returns when the last one is done.
  ///
  /// @throws IllegalStateException when the team is closed: nobody would do them
  public void run(Task newTask, int itemCount) {
    run(newTask, itemCount, WorkerTeam::noCheck);
  }

  private static void noCheck() {}

  /// The same, unless a check says no: then nobody begins another item, and what it threw is thrown
  /// when those under way are done.
  ///
  /// @param check run by the calling thread before each item that it takes
  public void run(Task newTask, int itemCount, Runnable check) {
    if (closed) {
      throw new IllegalStateException("the team is closed");
    }
    if (itemCount <= 1 || workers.length == 0 || !owner.tryLock()) {
      for (int item = 0; item < itemCount; item++) {
        check.run();
        newTask.run(item, 0);
      }
      return;
    }
    try {
      runTogether(newTask, itemCount, check);
    } finally {
      owner.unlock();
    }
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // only the owner of the lock writes the round
  private void runTogether(Task newTask, int itemCount, Runnable check) {
    task = newTask;
    items = itemCount;
    failure = null;
    for (int share = 0; share < threads(); share++) {
      nextItems.set(share * APART, shareFrom(share, itemCount));
    }
    working.set(0); // publishes the above
    round++;
    wakeUp(itemCount - 1);
    try {
      takeItems(newTask, itemCount, 0, check);
    } catch (Throwable e) {
      abandon(itemCount);
      failure = e;
    }
    working.getAndAdd(CLOSED);
    awaitWorkers();
    task = null;
    Throwable thrown = failure;
    if (thrown != null) {
      throw rethrown(thrown);
    }
  }

  /// Those that are in it finish within an item of each other, unless the machine has given their
  /// core to somebody else: then spinning would only keep them from it.
  @SuppressWarnings("ThreadPriorityCheck") // yielding is a kindness here, nothing depends on it
  private void awaitWorkers() {
    for (int spin = 0; working.get() != CLOSED; spin++) {
      if (spin < SPINS) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
  }

  private static RuntimeException rethrown(Throwable thrown) {
    if (thrown instanceof Error error) {
      throw error;
    }
    return thrown instanceof RuntimeException exception
        ? exception
        : new IllegalStateException(thrown);
  }

  private void takeItems(Task current, int count, int worker, Runnable check) {
    for (int i = 0; i < threads(); i++) {
      int share = (worker + i) % threads();
      int end = shareFrom(share + 1, count);
      int at = share * APART;
      for (int item = nextItems.getAndIncrement(at);
          item < end;
          item = nextItems.getAndIncrement(at)) {
        check.run();
        current.run(item, worker);
      }
    }
  }

  private int shareFrom(int share, int count) {
    return (int) ((long) count * share / threads());
  }

  /// After a failure nobody begins another item.
  private void abandon(int count) {
    for (int share = 0; share < threads(); share++) {
      nextItems.set(share * APART, count);
    }
  }

  /// Wakes as many as can be of use.
  private void wakeUp(int most) {
    for (int i = 0; i < Math.min(most, workers.length); i++) {
      if (parked.get(i) != 0) {
        LockSupport.unpark(workers[i]);
      }
    }
  }

  private void work(int worker) {
    int seen = 0;
    while (true) {
      awaitRound(seen, worker);
      if (closed) {
        return;
      }
      if (hasErrand(worker)) {
        errands.remove().run();
        continue;
      }
      seen = round;
      if (!enter()) {
        continue;
      }
      // It may have begun after that round: the task is that of the round that was entered.
      Task current = task;
      try {
        if (current != null) {
          takeItems(current, items, worker + 1, WorkerTeam::noCheck);
        }
      } catch (Throwable e) {
        abandon(items);
        failure = e;
      } finally {
        working.decrementAndGet();
      }
    }
  }

  /// Joins the task that is under way, if there still is one.
  private boolean enter() {
    for (int now = working.get(); now < CLOSED; now = working.get()) {
      if (working.compareAndSet(now, now + 1)) {
        return true;
      }
    }
    return false;
  }

  private void awaitRound(int seen, int worker) {
    for (int spin = 0; spin < SPINS; spin++) {
      if (round != seen || closed || hasErrand(worker)) {
        return;
      }
      Thread.onSpinWait();
    }
    parked.set(worker, 1);
    while (round == seen && !closed && !hasErrand(worker)) {
      LockSupport.park(this);
    }
    parked.set(worker, 0);
  }

  @Override
  public void close() {
    closed = true;
    for (Thread worker : workers) {
      LockSupport.unpark(worker);
    }
  }
}
