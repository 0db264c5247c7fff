package dev.tornadomoe.parallel;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.CustomOperation.OperandMemory;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/// A row for each token and rank: what the rank's experts have weighted and summed. The token's
/// rank adds these sums in the order of the ranks.
final class ReturnedSums implements ReturnedRows {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

  /// Sums `[M*n, H]`: a token's first ones, in the order of the ranks; n ranks at most have some of
  /// its experts.
  private static final Operand SUMS = new Operand("rank_sums");

  /// For each of them one of the experts in it, and -1 where a token has no more `[M, n]`, I32.
  private static final Operand SUM_IDS = new Operand("rank_sum_ids");

  private final Routes routes;
  private final int self;
  private final int topK;
  private final int hidden;
  private final long rowBytes;
  private final int mostSums;

  /// Among the sums, the place of each row that was sent: what comes back for it belongs there.
  private int[] placeOfRow = new int[0];

  private int[] sumsOfToken = new int[0];

  ReturnedSums(Routes routes, int ranks, int self, int topK, int hidden) {
    this.routes = routes;
    this.self = self;
    this.topK = topK;
    this.hidden = hidden;
    this.rowBytes = (long) hidden * Float.BYTES;
    this.mostSums = Math.min(topK, ranks);
  }

  @Override
  public int rowsOfToken() {
    return 1;
  }

  @Override
  public List<Workspace> workspaces(int tokens) {
    return List.of(
        new Workspace(SUMS, DType.F32, Shape.of(Math.multiplyExact(tokens, mostSums), hidden)),
        new Workspace(SUM_IDS, DType.I32, Shape.of(tokens, mostSums)));
  }

  @Override
  public List<Access> accesses() {
    return List.of(
        Access.read(Operand.FUSED_OUT),
        Access.read(ExpertParallel.SENT_IDS),
        Access.overwrite(SUMS),
        Access.overwrite(SUM_IDS));
  }

  /// Rows were sent in the order of the ranks, so that a token's sums are.
  @Override
  public void begin(OperandMemory memory, int tokens) {
    if (sumsOfToken.length < tokens) {
      sumsOfToken = new int[tokens];
      placeOfRow = new int[tokens * mostSums];
    }
    Arrays.fill(sumsOfToken, 0, tokens, 0);
    MemorySegment sentIds = memory.of(ExpertParallel.SENT_IDS);
    MemorySegment sumIds = memory.of(SUM_IDS);
    for (int place = 0; place < tokens * mostSums; place++) {
      sumIds.set(INT, place * 4L, -1);
    }
    for (int row = 0; row < routes.allRows(); row++) {
      int token = routes.token(row);
      placeOfRow[row] = token * mostSums + sumsOfToken[token]++;
      sumIds.set(INT, placeOfRow[row] * 4L, anExpert(sentIds, row));
    }
  }

  /// The first expert that a row was sent for.
  private int anExpert(MemorySegment sentIds, int row) {
    long slot = (long) row * topK;
    while (sentIds.get(INT, slot * 4) < 0) {
      slot++;
    }
    return sentIds.get(INT, slot * 4);
  }

  @Override
  public void addResultsFor(int rank, OperandMemory memory, Message message) {
    message.add(
        memory.of(Operand.FUSED_OUT),
        routes.firstReceived(rank) * rowBytes,
        routes.received(rank) * rowBytes);
  }

  @Override
  public void addPlacesFor(int rank, OperandMemory memory, Message message) {
    MemorySegment sums = memory.of(SUMS);
    for (int row = routes.firstRow(rank); row < routes.firstRow(rank + 1); row++) {
      message.add(sums, placeOfRow[row] * rowBytes, rowBytes);
    }
  }

  @Override
  public void bringBack(OperandMemory memory, int firstRow, int endRow) {
    MemorySegment results = memory.of(Operand.FUSED_OUT);
    MemorySegment sums = memory.of(SUMS);
    int sent = routes.firstRow(self) + firstRow;
    int received = routes.placeOfOwn(firstRow);
    RowCopies.copy(
        endRow - firstRow,
        rowBytes,
        row ->
            MemorySegment.copy(
                results,
                (received + row) * rowBytes,
                sums,
                placeOfRow[sent + row] * rowBytes,
                rowBytes));
  }

  /// Nothing is left to weight.
  @Override
  public List<Operation> reduce(TopKWeightAndReduce reduce, boolean weighted, Operand target) {
    return List.of(new ReduceOperation.Reduce(SUMS, SUM_IDS, null, List.of(), target));
  }
}
