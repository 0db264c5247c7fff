package dev.tornadomoe.parallel;

import dev.tornadomoe.modular.CustomOperation.OperandMemory;
import dev.tornadomoe.modular.ExpertPieces;
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

  /// Whether the experts began with some of our own rows before others' were there.
  private boolean isEarly;

  /// When the last row of this call was there.
  private long arrived;

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
    routes.beginReceiving(routes.rows(self));
    isEarly = false;
    routes.writeIds(ids, sentIds);
    if (sendsWeights) {
      routes.writeWeights(memory.of(Operand.TOPK_WEIGHTS), memory.of(ExpertParallel.SENT_WEIGHTS));
    }
    MemorySegment rows = sentRows(memory, input, shortened());
    stage(memory.of(input), rows, tokens);
    memory.pieces().ifPresent(pieces -> beginEarly(memory, input, pieces));
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

  /// Has the experts begin with our own rows, if these are worth a piece: with all of them, or with
  /// half if that is: then they have the other half for the time in which results travel.
  private void beginEarly(OperandMemory memory, Operand input, ExpertPieces pieces) {
    int own = routes.rows(self);
    int first = own / 2 >= pieces.worthwhileRows() ? own / 2 : own;
    isEarly = job.beginsEarly() && first >= pieces.worthwhileRows();
    routes.beginReceiving(isEarly ? first : own);
    if (isEarly) {
      takeOver(memory, input, 0, first);
    }
    pieces.begin(0, isEarly ? first : 0);
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
    int own = routes.rows(self);
    if (!isEarly) {
      takeOver(memory, input, 0, own);
    }
    for (int rank = 0; rank < ranks.size(); rank++) {
      if (rank != self) {
        routes.receive(rank, rowsFrom(rank));
        receive(memory, rank);
      }
    }
    int first = routes.ownFirst();
    int others = routes.behindOthers() - first;
    decode(memory, first, others);
    if (isEarly) {
      memory.pieces().ifPresent(pieces -> pieces.begin(first, others));
      takeOver(memory, input, first, own);
    }
    ranks.awaitSent();
    memory.handOver(routes.allReceived());
    arrived = System.nanoTime();
    traffic.dispatched(arrived - start);
  }

  private void receive(OperandMemory memory, int rank) {
    MemorySegment arriving = arriving(memory);
    int first = routes.firstReceived(rank);
    int count = routes.received(rank);
    if (routes.allReceived() * sentRowBytes > arriving.byteSize()) {
      throw new ParallelException(
          String.format(
              Locale.ROOT,
              "rank %d has sent %d tokens, more than the %d bytes that were planned for hold",
              rank,
              count,
              arriving.byteSize()));
    }
    message
        .clear()
        .add(memory.of(ExpertParallel.RECEIVED_IDS), first * pairBytes, count * pairBytes);
    if (sendsWeights) {
      message.add(memory.of(ExpertParallel.RECEIVED_WEIGHTS), first * pairBytes, count * pairBytes);
    }
    message.add(arriving, first * sentRowBytes, count * sentRowBytes);
    ranks.receive(rank, message);
  }

  /// Where rows come in as they were sent.
  private MemorySegment arriving(OperandMemory memory) {
    return memory.of(shortened() ? ExpertParallel.RECEIVED_CODES : ExpertParallel.RECEIVED);
  }

  /// Brings shortened rows back, which have come in.
  private void decode(OperandMemory memory, int first, int count) {
    if (shortened()) {
      MemorySegment codes = memory.of(ExpertParallel.RECEIVED_CODES);
      MemorySegment rows = memory.of(ExpertParallel.RECEIVED);
      RowCopies.copy(
          count,
          rowBytes,
          row -> codec.decode(codes, (first + row) * sentRowBytes, rows, (first + row) * rowBytes));
    }
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

  /// Takes over some of our own rows, all of them on the same side of others'.
  private void takeOver(OperandMemory memory, Operand input, int firstRow, int endRow) {
    MemorySegment sent = sentRows(memory, input, shortened());
    MemorySegment arriving = arriving(memory);
    int from = routes.firstRow(self) + firstRow;
    int to = routes.placeOfOwn(firstRow);
    int count = endRow - firstRow;
    takeOver(memory, ExpertParallel.SENT_IDS, ExpertParallel.RECEIVED_IDS, from, to, count);
    if (sendsWeights) {
      takeOver(
          memory, ExpertParallel.SENT_WEIGHTS, ExpertParallel.RECEIVED_WEIGHTS, from, to, count);
    }
    RowCopies.copy(
        count,
        sentRowBytes,
        row ->
            MemorySegment.copy(
                sent,
                routes.token(from + row) * sentRowBytes,
                arriving,
                (to + row) * sentRowBytes,
                sentRowBytes));
    decode(memory, to, count);
  }

  private void takeOver(
      OperandMemory memory, Operand sent, Operand received, int from, int to, int count) {
    MemorySegment.copy(
        memory.of(sent), from * pairBytes, memory.of(received), to * pairBytes, count * pairBytes);
  }

  /// Sends the experts' results to the ranks of their tokens, and receives those of ours.
  void combine(OperandMemory memory, int tokens) {
    traffic.waitedForExperts(System.nanoTime() - arrived);
    int first = isEarly ? routes.ownFirst() : 0;
    await(memory, first);
    if (isEarly) {
      returned.begin(memory, tokens);
      returned.bringBack(memory, 0, first);
    }
    await(memory, routes.behindOthers());
    job.meetIfMeasuring();
    long start = System.nanoTime();
    if (!isEarly) {
      returned.begin(memory, tokens);
    }
    sendResults(memory);
    receiveResults(memory);
    traffic.combined(System.nanoTime() - start);
    await(memory, routes.allReceived());
    start = System.nanoTime();
    returned.bringBack(memory, first, routes.rows(self));
    ranks.awaitSent();
    traffic.combined(System.nanoTime() - start);
  }

  /// Waits for results that come piece by piece.
  private void await(OperandMemory memory, int rows) {
    long start = System.nanoTime();
    memory.pieces().ifPresent(pieces -> pieces.await(rows));
    traffic.waitedForExperts(System.nanoTime() - start);
  }

  private void sendResults(OperandMemory memory) {
    for (int rank = 0; rank < ranks.size(); rank++) {
      if (rank != self && routes.received(rank) > 0) {
        returned.addResultsFor(rank, memory, message.clear());
        ranks.send(rank, message);
        traffic.sent(message.bytes());
      }
    }
  }

  private void receiveResults(OperandMemory memory) {
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
  }
}
