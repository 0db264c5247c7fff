package dev.tornadomoe.parallel;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/// Ranks that are threads of this process. Messages are copied when they are sent, so what is
/// written over too early shows only where MPI carries them.
public final class ThreadRanks {
  private static final int PATIENCE_SECONDS = 30;

  private final List<List<BlockingQueue<byte[]>>> queues = new ArrayList<>();

  private ThreadRanks(int size) {
    for (int to = 0; to < size; to++) {
      List<BlockingQueue<byte[]>> from = new ArrayList<>();
      for (int rank = 0; rank < size; rank++) {
        from.add(new LinkedBlockingQueue<>());
      }
      queues.add(from);
    }
  }

  /// Runs something on each rank.
  ///
  /// @return what each of them made, by rank
  public static <T> List<T> run(int size, Function<Communicator, T> program) {
    ThreadRanks ranks = new ThreadRanks(size);
    try (ExecutorService pool = Executors.newFixedThreadPool(size)) {
      List<Future<T>> futures = new ArrayList<>();
      for (int rank = 0; rank < size; rank++) {
        Communicator communicator = ranks.new Rank(rank);
        futures.add(pool.submit(() -> program.apply(communicator)));
      }
      List<T> results = new ArrayList<>();
      for (Future<T> future : futures) {
        results.add(future.get());
      }
      return results;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      if (e.getCause() instanceof Error cause) {
        throw cause;
      }
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private final class Rank implements Communicator {
    private final int rank;
    private final List<Queue<byte[]>> found = new ArrayList<>();

    private Rank(int rank) {
      this.rank = rank;
      for (int from = 0; from < size(); from++) {
        found.add(new ArrayDeque<>());
      }
    }

    @Override
    public int rank() {
      return rank;
    }

    @Override
    public int size() {
      return queues.size();
    }

    @Override
    public String description() {
      return "threads";
    }

    @Override
    public void send(int to, Message message) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      for (int block = 0; block < message.spans(); block++) {
        MemorySegment part =
            message.segment(block).asSlice(message.offset(block), message.length(block));
        bytes.writeBytes(part.toArray(ValueLayout.JAVA_BYTE));
      }
      queues.get(to).get(rank).add(bytes.toByteArray());
    }

    @Override
    public void awaitSent() {
      // They are on their way as soon as they are sent.
    }

    @Override
    public long awaitMessage(int from) {
      try {
        byte[] message = queues.get(rank).get(from).poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        if (message == null) {
          throw new ParallelException(String.format(Locale.ROOT, "rank %d says nothing", from));
        }
        found.get(from).add(message);
        return message.length;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    }

    @Override
    public void receive(int from, Message into) {
      MemorySegment message = MemorySegment.ofArray(found.get(from).remove());
      if (message.byteSize() != into.bytes()) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT, "%d bytes for a message of %d", into.bytes(), message.byteSize()));
      }
      long at = 0;
      for (int span = 0; span < into.spans(); span++) {
        MemorySegment.copy(message, at, into.segment(span), into.offset(span), into.length(span));
        at += into.length(span);
      }
    }

    @Override
    public void close() {
      // Nobody waits for a thread that has ended.
    }
  }
}
