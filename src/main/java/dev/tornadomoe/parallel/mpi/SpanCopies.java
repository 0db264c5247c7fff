package dev.tornadomoe.parallel.mpi;

import dev.tornadomoe.parallel.Message;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.IntStream;

/// Copies a message's spans behind each other, and back, on all cores where they may touch them.
final class SpanCopies {
  /// A thread that is never started: memory that it can't touch is one thread's own.
  private static final Thread ANY_THREAD = new Thread(() -> {});

  /// What is worth its own thread.
  private static final long PART_BYTES = 256 << 10;

  private final Message message;

  /// The first byte of each span in the message, and behind them its length.
  private final long[] starts;

  private SpanCopies(Message message) {
    this.message = message;
    this.starts = new long[message.spans() + 1];
    for (int span = 0; span < message.spans(); span++) {
      starts[span + 1] = starts[span] + message.length(span);
    }
  }

  /// One piece of a message, within a span.
  @FunctionalInterface
  private interface Piece {
    void copy(MemorySegment span, long at, long start, long bytes);
  }

  /// Copies a message's spans to memory.
  ///
  /// @param at where the first byte goes
  static void gather(Message message, MemorySegment target, long at) {
    new SpanCopies(message)
        .parts((span, from, start, bytes) ->
            MemorySegment.copy(span, from, target, at + start, bytes));
  }

  /// Copies memory to a message's spans.
  ///
  /// @param at the first byte of it
  static void scatter(MemorySegment source, long at, Message message) {
    new SpanCopies(message)
        .parts((span, to, start, bytes) -> MemorySegment.copy(source, at + start, span, to, bytes));
  }

  private void parts(Piece piece) {
    IntStream parts =
        IntStream.range(0, Math.toIntExact(Math.ceilDiv(message.bytes(), PART_BYTES)));
    (isEverybodys() ? parts.parallel() : parts).forEach(part -> part(part * PART_BYTES, piece));
  }

  private boolean isEverybodys() {
    for (int span = 0; span < message.spans(); span++) {
      if (!message.segment(span).isAccessibleBy(ANY_THREAD)) {
        return false;
      }
    }
    return true;
  }

  private void part(long first, Piece piece) {
    long end = Math.min(message.bytes(), first + PART_BYTES);
    int found = Arrays.binarySearch(starts, first);
    int span = found >= 0 ? found : -found - 2;
    for (long at = first; at < end; span++) {
      long bytes = Math.min(end, starts[span + 1]) - at;
      piece.copy(message.segment(span), message.offset(span) + at - starts[span], at, bytes);
      at += bytes;
    }
  }
}
