package dev.tornadomoe.parallel;

import dev.tornadomoe.MoeException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// What ranks tell each other beside tokens.
public final class Agreement {
  private Agreement() {}

  /// Gives every rank the texts of all, by rank.
  ///
  /// @param ranks all of the job, each of which calls this
  /// @param text of this rank
  /// @return as many texts as there are ranks, by rank
  /// @throws ParallelException when a rank is gone
  public static List<String> exchange(Communicator ranks, String text) {
    List<String> texts = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      MemorySegment own = arena.allocate(Math.max(1, bytes.length));
      MemorySegment.copy(MemorySegment.ofArray(bytes), 0, own, 0, bytes.length);
      Message message = new Message();
      for (int rank = 0; rank < ranks.size(); rank++) {
        if (rank != ranks.rank()) {
          ranks.send(rank, message.clear().add(own, 0, bytes.length));
        }
      }
      for (int rank = 0; rank < ranks.size(); rank++) {
        if (rank == ranks.rank()) {
          texts.add(text);
          continue;
        }
        long length = ranks.awaitMessage(rank);
        MemorySegment other = arena.allocate(Math.max(1, length));
        ranks.receive(rank, message.clear().add(other, 0, length));
        byte[] received = new byte[Math.toIntExact(length)];
        MemorySegment.copy(other, 0, MemorySegment.ofArray(received), 0, length);
        texts.add(new String(received, StandardCharsets.UTF_8));
      }
      ranks.awaitSent();
    }
    return texts;
  }

  /// Waits until all ranks are here.
  static void meet(Communicator ranks) {
    exchange(ranks, "");
  }

  /// Does something on every rank, or fails on every rank: one that goes on alone would wait for
  /// the others.
  ///
  /// @param <T> what the work results in
  /// @param ranks all of the job, each of which calls this
  /// @param work exchanges nothing
  /// @return this rank's result
  /// @throws ParallelException on every rank, with what the first one to fail says
  public static <T> T together(Communicator ranks, Supplier<T> work) {
    @Nullable T result = null;
    @Nullable MoeException failure = null;
    try {
      result = work.get();
    } catch (MoeException e) {
      failure = e;
    }
    List<String> failures =
        exchange(ranks, failure == null ? "" : String.valueOf(failure.getMessage()));
    for (int rank = 0; rank < failures.size(); rank++) {
      if (!failures.get(rank).isEmpty()) {
        close(result);
        boolean all = failures.stream().distinct().count() == 1;
        throw ParallelException.everywhere(
            (all ? "" : String.format(Locale.ROOT, "rank %d: ", rank)) + failures.get(rank));
      }
    }
    if (result == null) {
      throw new IllegalStateException("no result and no failure");
    }
    return result;
  }

  private static void close(@Nullable Object result) {
    if (result instanceof AutoCloseable resource) {
      try {
        resource.close();
      } catch (Exception e) {
        throw new IllegalStateException(e); // none of ours throws a checked one
      }
    }
  }

  /// Refuses to go on where ranks differ; every rank throws the same.
  ///
  /// @param ranks all of the job, each of which calls this
  /// @param facts what must be the same, by what it is called, in the same order everywhere
  /// @throws ParallelException for the first fact in which a rank differs from rank 0
  public static void require(Communicator ranks, Map<String, String> facts) {
    List<String> texts =
        exchange(
            ranks,
            facts.entrySet().stream()
                .map(fact -> fact.getKey() + "\t" + fact.getValue())
                .collect(Collectors.joining("\n")));
    List<String> expected = texts.getFirst().lines().toList();
    for (int rank = 1; rank < texts.size(); rank++) {
      List<String> found = texts.get(rank).lines().toList();
      for (int i = 0; i < Math.max(expected.size(), found.size()); i++) {
        String theirs = i < found.size() ? found.get(i) : "nothing more\t";
        String first = i < expected.size() ? expected.get(i) : "nothing more\t";
        if (!theirs.equals(first)) {
          throw ParallelException.everywhere(
              String.format(
                  Locale.ROOT,
                  "ranks differ: rank %d has %s, rank 0 has %s; all must run the same layers of the"
                      + " same model with the same options",
                  rank,
                  theirs.replace('\t', ' '),
                  first.replace('\t', ' ')));
        }
      }
    }
  }
}
