package dev.tornadomoe.benchmarks;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.parallel.Communicator;
import dev.tornadomoe.parallel.Message;
import dev.tornadomoe.parallel.mpi.Launcher;
import dev.tornadomoe.parallel.mpi.MpiCommunicator;
import dev.tornadomoe.parallel.mpi.MpiLibrary;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.jr.ob.JSON;

/// How long a message takes between two ranks, by its length and by how it lies in memory. See
/// MpiPingPong.md.
///
/// Usage: `mpirun -n 2 java -cp benchmarks/target/benchmarks.jar MpiPingPong [OUT.json]`
public final class MpiPingPong {
  /// A row of F32 activations of 2048 hidden.
  private static final int BLOCK = 8 << 10;

  private static final int LONGEST = 8 << 20;
  private static final int[] LENGTHS = {8, BLOCK, 64 << 10, 256 << 10, 1 << 20, 2 << 20, LONGEST};

  /// What all messages of a measurement come to, within the numbers of messages that follow.
  private static final int BYTES = 256 << 20;

  private static final int MOST = 5000;
  private static final int FEWEST = 40;

  private final Communicator ranks;
  private final MemorySegment from;
  private final MemorySegment into;

  private MpiPingPong(Communicator ranks, Arena arena) {
    this.ranks = ranks;
    from = memory(arena);
    into = memory(arena);
  }

  /// Room for blocks with gaps as long as they, written once: pages that nobody has touched are
  /// slow.
  private static MemorySegment memory(Arena arena) {
    return arena.allocate(2L * LONGEST, 64).fill((byte) 1);
  }

  public static void main(String[] arguments) throws IOException {
    try {
      Launcher launcher = Launcher.ofThisProcess();
      MpiLibrary library = MpiLibrary.find(launcher);
      if (launcher == null || launcher.size() != 2) {
        throw new IllegalArgumentException("usage: mpirun -n 2 java ... MpiPingPong [OUT.json]");
      }
      try (Communicator ranks = MpiCommunicator.start(library, launcher, MpiCommunicator.PATIENCE);
          Arena arena = Arena.ofShared()) {
        List<Map<String, Object>> results = new MpiPingPong(ranks, arena).results();
        if (ranks.rank() == 0 && arguments.length > 0) {
          Map<String, Object> run = Map.of("mpi", ranks.description(), "results", results);
          Files.writeString(Path.of(arguments[0]), JSON.std.asString(new TreeMap<>(run)));
        }
      }
    } catch (MoeException e) {
      System.err.println(e.getMessage());
      MpiCommunicator.abandon(2);
    }
  }

  private List<Map<String, Object>> results() {
    if (ranks.rank() == 0) {
      System.out.println(ranks.description());
      System.out.printf(
          Locale.ROOT,
          "%9s %7s %11s %9s %7s %12s %9s %11s %9s%n",
          "bytes",
          "blocks",
          "one way us",
          "least",
          "GB/s",
          "both ways us",
          "least",
          "copied us",
          "least");
    }
    List<Map<String, Object>> results = new ArrayList<>();
    measure(8, 1); // what the JIT compiler needs
    for (int length : LENGTHS) {
      results.add(measure(length, 1));
      if (length > BLOCK) {
        results.add(measure(length, length / BLOCK));
      }
    }
    return results;
  }

  private Map<String, Object> measure(int length, int blocks) {
    Message sent = new Message();
    Message received = new Message();
    long block = length / blocks;
    for (int i = 0; i < blocks; i++) {
      sent.add(from, 2 * i * block, block);
      received.add(into, 2 * i * block, block);
    }
    Time oneWay = time(length, 2, () -> pingPong(sent, received));
    Time bothWays = time(length, 1, () -> exchange(sent, received));
    Time copy = time(length, 1, () -> copy(sent, received));
    if (ranks.rank() == 0) {
      System.out.printf(
          Locale.ROOT,
          "%9d %7d %11.2f %9.2f %7.2f %12.2f %9.2f %11.2f %9.2f%n",
          length,
          blocks,
          oneWay.median,
          oneWay.least,
          length / oneWay.median / 1e3,
          bothWays.median,
          bothWays.least,
          copy.median,
          copy.least);
    }
    Map<String, Object> result = new TreeMap<>();
    result.put("bytes", length);
    result.put("blocks", blocks);
    oneWay.put(result, "one_way");
    bothWays.put(result, "both_ways");
    copy.put(result, "copy");
    return result;
  }

  /// In microseconds.
  private record Time(double median, double least) {

    void put(Map<String, Object> result, String name) {
      result.put(name + "_us_median", hundredths(median));
      result.put(name + "_us_min", hundredths(least));
    }

    private static double hundredths(double value) {
      return Math.round(100 * value) / 100.0;
    }
  }

  /// Of one message. Both ranks do the same number of times.
  ///
  /// @param messages one after the other in the work
  private static Time time(int length, int messages, Runnable work) {
    int times = Math.clamp(BYTES / length, FEWEST, MOST);
    for (int i = 0; i < times / 2; i++) {
      work.run();
    }
    long[] nanos = new long[times];
    for (int i = 0; i < times; i++) {
      long begun = System.nanoTime();
      work.run();
      nanos[i] = System.nanoTime() - begun;
    }
    Arrays.sort(nanos);
    return new Time(nanos[times / 2] / 1e3 / messages, nanos[0] / 1e3 / messages);
  }

  /// To the other rank and back.
  private void pingPong(Message sent, Message received) {
    if (ranks.rank() == 0) {
      ranks.send(1, sent);
      take(1, received);
    } else {
      take(0, received);
      ranks.send(0, sent);
    }
    ranks.awaitSent();
  }

  /// From each rank to the other at once.
  private void exchange(Message sent, Message received) {
    int other = 1 - ranks.rank();
    ranks.send(other, sent);
    take(other, received);
    ranks.awaitSent();
  }

  private void take(int other, Message received) {
    ranks.awaitMessage(other);
    ranks.receive(other, received);
  }

  /// Within this process, for comparison.
  private static void copy(Message sent, Message received) {
    for (int i = 0; i < sent.spans(); i++) {
      MemorySegment.copy(
          sent.segment(i), sent.offset(i), received.segment(i), received.offset(i), sent.length(i));
    }
  }
}
