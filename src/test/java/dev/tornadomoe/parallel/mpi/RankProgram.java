package dev.tornadomoe.parallel.mpi;

import com.sun.management.ThreadMXBean;
import dev.tornadomoe.parallel.Message;
import dev.tornadomoe.parallel.ParallelException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.SplittableRandom;

/// What each rank of [MpiContract] runs: a mode, how many seconds a rank waits for all to start,
/// and then for another one.
final class RankProgram {
  private static final int BIG = 8 << 20;

  private final MpiCommunicator ranks;
  private final int next;
  private final int before;

  private RankProgram(MpiCommunicator ranks) {
    this.ranks = ranks;
    next = (ranks.rank() + 1) % ranks.size();
    before = (ranks.rank() + ranks.size() - 1) % ranks.size();
  }

  public static void main(String[] arguments) {
    String mode = arguments[0];
    Launcher launcher = Launcher.ofThisProcess();
    if (mode.equals("late") && launcher != null && launcher.rank() > 0) {
      sleep();
    }
    try (MpiCommunicator ranks =
        MpiCommunicator.start(
            MpiLibrary.find(launcher),
            launcher,
            Integer.parseInt(arguments[1]),
            Integer.parseInt(arguments[2]))) {
      try {
        new RankProgram(ranks).run(mode);
      } catch (Throwable e) {
        tell(e);
        MpiCommunicator.abandon(e instanceof ParallelException ? 2 : 70);
      }
      System.out.println("rank " + ranks.rank() + " is done");
    } catch (ParallelException e) {
      tell(e);
      MpiCommunicator.abandon(2);
    }
  }

  private static void tell(Throwable e) {
    if (e instanceof ParallelException) {
      System.err.println("moe: " + e.getMessage());
    } else {
      e.printStackTrace();
    }
  }

  private void run(String mode) {
    switch (mode) {
      case "exchange" -> exchange();
      case "steady" -> {
        signals();
        allocation();
      }
      case "die" -> lastOne(() -> kill("KILL"));
      case "stop" -> lastOne(() -> kill("STOP"));
      case "sleep" -> lastOne(RankProgram::sleep);
      case "fail" ->
          lastOne(() -> {
            throw new ParallelException("rank " + ranks.rank() + " has another checkpoint");
          });
      case "fill" -> fill();
      default -> throw new IllegalArgumentException(mode);
    }
  }

  /// Scattered blocks, nothing at all, much at once, much after each other.
  private void exchange() {
    for (int blocks : new int[] {1, 2, 3, 100}) {
      for (int block : new int[] {1, 12, 1000, 8192, BIG / blocks}) {
        pass(blocks, block);
      }
    }
    pass(0, 0);
    for (int i = 0; i < 2000; i++) {
      pass(i % 3, 64);
    }
    severalAtOnce();
  }

  /// To the next rank and from the one before. Blocks lie in the opposite order over there, and are
  /// cut differently.
  private void pass(int blocks, int block) {
    int gap = 64;
    long stride = block + gap;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocate(Math.max(1, blocks * stride), 64);
      MemorySegment into = arena.allocate(Math.max(1, blocks * stride), 64);
      Message sent = new Message();
      Message received = new Message();
      for (int i = 0; i < blocks; i++) {
        fill(from.asSlice(i * stride, block), ranks.rank() * 1000L + i);
        sent.add(from, i * stride, block);
        long place = (blocks - 1 - i) * stride;
        received.add(into, place, block / 2).add(into, place + block / 2, block - block / 2);
      }
      ranks.send(next, sent);
      long length = ranks.awaitMessage(before);
      check(length == (long) blocks * block, "length " + length);
      ranks.receive(before, received);
      ranks.awaitSent();
      for (int i = 0; i < blocks; i++) {
        long place = (blocks - 1 - i) * stride;
        MemorySegment expected = arena.allocate(block);
        fill(expected, before * 1000L + i);
        check(
            into.asSlice(place, block).mismatch(expected) == -1,
            "block " + i + " of " + blocks + " x " + block);
        check(
            into.asSlice(place + block, gap).mismatch(arena.allocate(gap)) == -1,
            "behind block " + i);
      }
    }
  }

  /// To all others, found in one order and received in another.
  private void severalAtOnce() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocate(ValueLayout.JAVA_INT);
      from.set(ValueLayout.JAVA_INT, 0, ranks.rank());
      for (int other = 0; other < ranks.size(); other++) {
        if (other != ranks.rank()) {
          ranks.send(other, new Message().add(from, 0, 4));
          ranks.send(other, new Message());
        }
      }
      for (int other = 0; other < ranks.size(); other++) {
        if (other != ranks.rank()) {
          check(ranks.awaitMessage(other) == 4 && ranks.awaitMessage(other) == 4, "found twice");
        }
      }
      MemorySegment into = arena.allocate(ValueLayout.JAVA_INT);
      for (int other = ranks.size() - 1; other >= 0; other--) {
        if (other != ranks.rank()) {
          ranks.receive(other, new Message().add(into, 0, 4));
          check(into.get(ValueLayout.JAVA_INT, 0) == other, "message of rank " + other);
          check(ranks.awaitMessage(other) == 0, "order");
          ranks.receive(other, new Message());
        }
      }
      ranks.awaitSent();
    }
  }

  /// The JVM mends null pointers in compiled code in its handler of SIGSEGV.
  private void signals() {
    pass(2, 100);
    int nulls = 0;
    int[][] some = new int[10_000][];
    Arrays.setAll(some, i -> i < 9_000 ? new int[] {1} : null);
    for (int round = 0; round < 20; round++) {
      for (int[] one : some) {
        try {
          nulls += one[0] - 1;
        } catch (NullPointerException e) {
          nulls++;
        }
      }
    }
    check(nulls == 20_000, "null pointers: " + nulls);
    pass(2, 100);
  }

  /// Once it has been called often enough, sending and receiving allocates nothing.
  private void allocation() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(10_000);
      Message sent = new Message().add(memory, 0, 100).add(memory, 1000, 100);
      Message received = new Message().add(memory, 5000, 150).add(memory, 6000, 50);
      exchange(sent, received, 3000);
      ThreadMXBean threads = ManagementFactory.getPlatformMXBean(ThreadMXBean.class);
      long before = threads.getCurrentThreadAllocatedBytes();
      exchange(sent, received, 1000);
      long bytes = threads.getCurrentThreadAllocatedBytes() - before;
      check(bytes < 1000, "bytes for 1000 messages: " + bytes);
    }
  }

  private void exchange(Message sent, Message received, int times) {
    for (int i = 0; i < times; i++) {
      ranks.send(next, sent);
      check(ranks.awaitMessage(before) == 200, "length");
      ranks.receive(before, received);
      ranks.awaitSent();
    }
  }

  /// What the last rank does, for which all others wait.
  private void lastOne(Runnable deed) {
    pass(2, 100);
    if (ranks.rank() == ranks.size() - 1) {
      deed.run();
      sleep(); // mpirun wakes who was stopped before it ends it
    }
    ranks.awaitMessage(ranks.size() - 1);
  }

  /// Sends what nobody takes.
  private void fill() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment much = arena.allocate(BIG);
      if (ranks.rank() == 0) {
        ranks.send(1, new Message().add(much, 0, BIG));
        ranks.awaitSent();
      }
      sleep();
    }
  }

  private static void kill(String signal) {
    try {
      new ProcessBuilder("kill", "-" + signal, Long.toString(ProcessHandle.current().pid()))
          .inheritIO()
          .start()
          .waitFor();
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void sleep() {
    try {
      Thread.sleep(600_000);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void fill(MemorySegment memory, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    byte[] bytes = new byte[(int) memory.byteSize()];
    random.nextBytes(bytes);
    MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.length);
  }

  private static void check(boolean right, String what) {
    if (!right) {
      throw new AssertionError("wrong: " + what);
    }
  }
}
