package dev.tornadomoe.parallel;

import dev.tornadomoe.modular.CustomOperation.OperandMemory;
import dev.tornadomoe.modular.Operand;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;

/// One layer's rows on their way: what [#send] has found out is what [#receive] and [#combine] go
/// by. For one call at a time, as its communicator is.
final class Exchange {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

  private final ExpertParallelism job;
  private final Communicator ranks;
  private final TrafficCounter traffic;
  private final int self;
  private final int topK;
  private final long rowBytes;
  private final long sentRowBytes;
  private final long idBytes;
  private final RowCodec codec;
  private final Routes routes;
  private final Message message = new Message();

  /// For each rank the first of its rows among the received, and behind them their number.
  private final int[] firstReceived;

  Exchange(ExpertParallelism job, ExpertPlacement placement, int hidden, int topK) {
    this.job = job;
    this.ranks = job.ranks();
    this.traffic = job.counter();
    this.self = ranks.rank();
    this.topK = topK;
    this.rowBytes = (long) hidden * Float.BYTES;
    this.sentRowBytes = job.format().rowBytes(hidden);
    this.idBytes = (long) topK * Integer.BYTES;
    this.codec = new RowCodec(job.format(), hidden);
    this.routes = new Routes(placement, self, topK);
    this.firstReceived = new int[ranks.size() + 1];
  }

  private boolean shortened() {
    return job.format() != DispatchFormat.F32;
  }

  private static MemorySegment sentRows(OperandMemory memory, Operand input, boolean shortened) {
    MemorySegment rows = memory.of(input);
    return shortened || !rows.isNative() ? memory.of(ExpertParallel.SENT_ROWS) : rows;
  }

  /// Sends each token to the ranks of its experts.
  ///
  /// @param input the tokens' rows
  void send(OperandMemory memory, Operand input, int tokens) {
    job.meetIfMeasuring();
    long start = System.nanoTime();
    MemorySegment ids = memory.of(Operand.TOPK_IDS);
    MemorySegment sentIds = memory.of(ExpertParallel.SENT_IDS);
    routes.assign(ids, tokens);
    routes.writeIds(ids, sentIds);
    MemorySegment rows = sentRows(memory, input, shortened());
    stage(memory.of(input), rows, tokens);
    for (int rank = 0; rank < ranks.size(); rank++) {
      if (rank == self) {
        continue;
      }
      int first = routes.firstRow(rank);
      message.clear().add(sentIds, first * idBytes, routes.rows(rank) * idBytes);
      for (int row = first; row < routes.firstRow(rank + 1); row++) {
        message.add(rows, routes.token(row) * sentRowBytes, sentRowBytes);
      }
      ranks.send(rank, message);
      traffic.sent(message.bytes());
    }
    traffic.dispatched(System.nanoTime() - start);
  }

  /// Shortens rows, and copies those that can't be sent from where they are.
  private void stage(MemorySegment input, MemorySegment rows, int tokens) {
    if (shortened()) {
      for (int token = 0; token < tokens; token++) {
        codec.encode(input, token * rowBytes, rows, token * sentRowBytes);
      }
    } else if (!input.isNative()) {
      MemorySegment.copy(input, 0, rows, 0, tokens * rowBytes);
    }
  }

  /// Receives the tokens of others' for the experts here, and takes over our own.
  ///
  /// @param input as it was sent
  void receive(OperandMemory memory, Operand input) {
    long start = System.nanoTime();
    MemorySegment ids = memory.of(ExpertParallel.RECEIVED_IDS);
    MemorySegment rows = memory.of(ExpertParallel.RECEIVED);
    MemorySegment arrived = shortened() ? memory.of(ExpertParallel.RECEIVED_CODES) : rows;
    for (int rank = 0; rank < ranks.size(); rank++) {
      int first = firstReceived[rank];
      int count = rank == self ? routes.rows(self) : rowsFrom(rank);
      firstReceived[rank + 1] = first + count;
      if ((first + count) * sentRowBytes > arrived.byteSize()) {
        throw new ParallelException(
            String.format(
                Locale.ROOT,
                "rank %d has sent %d tokens, more than the %d bytes that were planned for hold",
                rank,
                count,
                arrived.byteSize()));
      }
      if (rank == self) {
        takeOver(memory, input, ids, arrived, first);
      } else {
        message
            .clear()
            .add(ids, first * idBytes, count * idBytes)
            .add(arrived, first * sentRowBytes, count * sentRowBytes);
        ranks.receive(rank, message);
      }
    }
    ranks.awaitSent();
    int received = firstReceived[ranks.size()];
    for (int row = 0; shortened() && row < received; row++) {
      codec.decode(arrived, row * sentRowBytes, rows, row * rowBytes);
    }
    memory.handOver(received);
    traffic.dispatched(System.nanoTime() - start);
  }

  private int rowsFrom(int rank) {
    long bytes = ranks.awaitMessage(rank);
    long each = idBytes + sentRowBytes;
    if (bytes % each != 0) {
      throw new ParallelException(
          String.format(
              Locale.ROOT,
              "rank %d has sent %d bytes where rows of %d were expected",
              rank,
              bytes,
              each));
    }
    return Math.toIntExact(bytes / each);
  }

  private void takeOver(
      OperandMemory memory, Operand input, MemorySegment ids, MemorySegment arrived, int at) {
    MemorySegment sent = sentRows(memory, input, shortened());
    int first = routes.firstRow(self);
    int count = routes.rows(self);
    MemorySegment.copy(
        memory.of(ExpertParallel.SENT_IDS), first * idBytes, ids, at * idBytes, count * idBytes);
    for (int row = 0; row < count; row++) {
      MemorySegment.copy(
          sent,
          routes.token(first + row) * sentRowBytes,
          arrived,
          (at + row) * sentRowBytes,
          sentRowBytes);
    }
  }

  /// Sends the experts' results to the ranks of their tokens, and receives those of ours.
  void combine(OperandMemory memory) {
    job.meetIfMeasuring();
    long start = System.nanoTime();
    MemorySegment ids = memory.of(ExpertParallel.RECEIVED_IDS);
    MemorySegment results = memory.of(Operand.FUSED_OUT);
    MemorySegment combined = memory.of(ExpertParallel.COMBINED);
    for (int rank = 0; rank < ranks.size(); rank++) {
      if (rank != self && firstReceived[rank + 1] > firstReceived[rank]) {
        message.clear();
        addResultsOf(rank, ids, results);
        ranks.send(rank, message);
        traffic.sent(message.bytes());
      }
    }
    for (int rank = 0; rank < ranks.size(); rank++) {
      if (rank != self && routes.rows(rank) > 0) {
        message.clear();
        addResultsFrom(rank, combined);
        long bytes = ranks.awaitMessage(rank);
        if (bytes != message.bytes()) {
          throw new ParallelException(
              String.format(
                  Locale.ROOT,
                  "rank %d has sent back %d bytes, expected %d (%d results)",
                  rank,
                  bytes,
                  message.bytes(),
                  routes.pairs(rank)));
        }
        ranks.receive(rank, message);
      }
    }
    bringBack(ids, results, combined);
    ranks.awaitSent();
    traffic.combined(System.nanoTime() - start);
  }

  /// What the experts here made of a rank's tokens, in the order of its rows and slots.
  private void addResultsOf(int rank, MemorySegment ids, MemorySegment results) {
    for (int row = firstReceived[rank]; row < firstReceived[rank + 1]; row++) {
      for (int slot = 0; slot < topK; slot++) {
        int pair = row * topK + slot;
        if (ids.get(INT, pair * 4L) >= 0) {
          message.add(results, pair * rowBytes, rowBytes);
        }
      }
    }
  }

  /// Where a rank's results for our tokens belong, in the same order.
  private void addResultsFrom(int rank, MemorySegment combined) {
    for (int row = routes.firstRow(rank); row < routes.firstRow(rank + 1); row++) {
      for (int slot = 0; slot < topK; slot++) {
        int pair = routes.token(row) * topK + slot;
        if (routes.goesTo(rank, pair)) {
          message.add(combined, pair * rowBytes, rowBytes);
        }
      }
    }
  }

  /// Our own experts' results for our own tokens.
  private void bringBack(MemorySegment ids, MemorySegment results, MemorySegment combined) {
    int first = routes.firstRow(self);
    for (int row = 0; row < routes.rows(self); row++) {
      for (int slot = 0; slot < topK; slot++) {
        int from = (firstReceived[self] + row) * topK + slot;
        if (ids.get(INT, from * 4L) >= 0) {
          int to = routes.token(first + row) * topK + slot;
          MemorySegment.copy(results, from * rowBytes, combined, to * rowBytes, rowBytes);
        }
      }
    }
  }
}
