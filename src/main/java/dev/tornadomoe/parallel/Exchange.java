package dev.tornadomoe.parallel;

import dev.tornadomoe.modular.CustomOperation.OperandMemory;
import dev.tornadomoe.modular.Operand;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/// One layer's rows on their way: what [#send] has found out is what [#receive] and [#combine] go
/// by. For one call at a time, as its communicator is.
final class Exchange {
  private final ExpertParallelism job;
  private final Communicator ranks;
  private final TrafficCounter traffic;
  private final int self;
  private final boolean sendsWeights;
  private final long rowBytes;
  private final long sentRowBytes;

  /// A row's ids, or weights.
  private final long pairBytes;

  private final RowCodec codec;
  private final Routes routes;
  private final ReturnedRows returned;
  private final Message message = new Message();

  /// @param sendsWeights whether the router's weights travel with rows and ids
  Exchange(
      ExpertParallelism job,
      ExpertPlacement placement,
      int hidden,
      int topK,
      boolean sendsWeights) {
    this.job = job;
    this.ranks = job.ranks();
    this.traffic = job.counter();
    this.self = ranks.rank();
    this.sendsWeights = sendsWeights;
    this.rowBytes = (long) hidden * Float.BYTES;
    this.sentRowBytes = job.format().rowBytes(hidden);
    this.pairBytes = (long) topK * Integer.BYTES;
    this.codec = new RowCodec(job.format(), hidden);
    this.routes = new Routes(placement, self, topK);
    this.returned =
        switch (job.combine()) {
          case PAIR -> new ReturnedPairs(routes, self, topK, hidden);
          case RANK ->
              ranks.size() == 1
                  ? new OwnSums(topK)
                  : new ReturnedSums(routes, ranks.size(), self, topK, hidden);
        };
  }

  /// {@return the results' way back}
  ReturnedRows returned() {
    return returned;
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
    if (sendsWeights) {
      routes.writeWeights(memory.of(Operand.TOPK_WEIGHTS), memory.of(ExpertParallel.SENT_WEIGHTS));
    }
    MemorySegment rows = sentRows(memory, input, shortened());
    stage(memory.of(input), rows, tokens);
    for (int rank = 0; rank < ranks.size(); rank++) {
      if (rank == self) {
        continue;
      }
      int first = routes.firstRow(rank);
      long count = routes.rows(rank);
      message.clear().add(sentIds, first * pairBytes, count * pairBytes);
      if (sendsWeights) {
        message.add(memory.of(ExpertParallel.SENT_WEIGHTS), first * pairBytes, count * pairBytes);
      }
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
      RowCopies.copy(
          tokens,
          rowBytes,
          token -> codec.encode(input, token * rowBytes, rows, token * sentRowBytes));
    } else if (!input.isNative()) {
      MemorySegment.copy(input, 0, rows, 0, tokens * rowBytes);
    }
  }

  /// Receives the tokens of others' for the experts here, and takes over our own.
  ///
  /// @param input as it was sent
  void receive(OperandMemory memory, Operand input) {
    long start = System.nanoTime();
    MemorySegment rows = memory.of(ExpertParallel.RECEIVED);
    MemorySegment arrived = shortened() ? memory.of(ExpertParallel.RECEIVED_CODES) : rows;
    for (int rank = 0; rank < ranks.size(); rank++) {
      int first = routes.firstReceived(rank);
      int count = rank == self ? routes.rows(self) : rowsFrom(rank);
      routes.receive(rank, count);
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
        takeOver(memory, input, arrived, first);
      } else {
        message
            .clear()
            .add(memory.of(ExpertParallel.RECEIVED_IDS), first * pairBytes, count * pairBytes);
        if (sendsWeights) {
          message.add(
              memory.of(ExpertParallel.RECEIVED_WEIGHTS), first * pairBytes, count * pairBytes);
        }
        message.add(arrived, first * sentRowBytes, count * sentRowBytes);
        ranks.receive(rank, message);
      }
    }
    ranks.awaitSent();
    int received = routes.firstReceived(ranks.size());
    if (shortened()) {
      RowCopies.copy(
          received,
          rowBytes,
          row -> codec.decode(arrived, row * sentRowBytes, rows, row * rowBytes));
    }
    memory.handOver(received);
    traffic.dispatched(System.nanoTime() - start);
  }

  private int rowsFrom(int rank) {
    long bytes = ranks.awaitMessage(rank);
    long each = (sendsWeights ? 2 * pairBytes : pairBytes) + sentRowBytes;
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

  private void takeOver(OperandMemory memory, Operand input, MemorySegment arrived, int at) {
    MemorySegment sent = sentRows(memory, input, shortened());
    int first = routes.firstRow(self);
    int count = routes.rows(self);
    takeOver(memory, ExpertParallel.SENT_IDS, ExpertParallel.RECEIVED_IDS, at);
    if (sendsWeights) {
      takeOver(memory, ExpertParallel.SENT_WEIGHTS, ExpertParallel.RECEIVED_WEIGHTS, at);
    }
    RowCopies.copy(
        count,
        sentRowBytes,
        row ->
            MemorySegment.copy(
                sent,
                routes.token(first + row) * sentRowBytes,
                arrived,
                (at + row) * sentRowBytes,
                sentRowBytes));
  }

  private void takeOver(OperandMemory memory, Operand sent, Operand received, int at) {
    MemorySegment.copy(
        memory.of(sent),
        routes.firstRow(self) * pairBytes,
        memory.of(received),
        at * pairBytes,
        routes.rows(self) * pairBytes);
  }

  /// Sends the experts' results to the ranks of their tokens, and receives those of ours.
  void combine(OperandMemory memory, int tokens) {
    job.meetIfMeasuring();
    long start = System.nanoTime();
    returned.begin(memory, tokens);
    for (int rank = 0; rank < ranks.size(); rank++) {
      if (rank != self && routes.received(rank) > 0) {
        returned.addResultsFor(rank, memory, message.clear());
        ranks.send(rank, message);
        traffic.sent(message.bytes());
      }
    }
    for (int rank = 0; rank < ranks.size(); rank++) {
      if (rank != self && routes.rows(rank) > 0) {
        returned.addPlacesFor(rank, memory, message.clear());
        long bytes = ranks.awaitMessage(rank);
        if (bytes != message.bytes()) {
          throw new ParallelException(
              String.format(
                  Locale.ROOT,
                  "rank %d has sent back %d bytes, expected %d (%d results)",
                  rank,
                  bytes,
                  message.bytes(),
                  message.bytes() / rowBytes));
        }
        ranks.receive(rank, message);
      }
    }
    returned.bringBack(memory);
    ranks.awaitSent();
    traffic.combined(System.nanoTime() - start);
  }
}
