package dev.tornadomoe.parallel;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.CustomOperation.OperandMemory;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/// A row for each token and expert, which the token's rank weights and sums in the order of the
/// slots: so a result depends neither on the number of ranks nor on who holds what.
final class ReturnedPairs implements ReturnedRows {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

  /// Results `[M*k, H]`, in pair order.
  private static final Operand COMBINED = new Operand("combined");

  private final Routes routes;
  private final int self;
  private final int topK;
  private final int hidden;
  private final long rowBytes;

  ReturnedPairs(Routes routes, int self, int topK, int hidden) {
    this.routes = routes;
    this.self = self;
    this.topK = topK;
    this.hidden = hidden;
    this.rowBytes = (long) hidden * Float.BYTES;
  }

  @Override
  public int rowsOfToken() {
    return topK;
  }

  @Override
  public List<Workspace> workspaces(int tokens) {
    return List.of(
        new Workspace(COMBINED, DType.F32, Shape.of(Math.multiplyExact(tokens, topK), hidden)));
  }

  @Override
  public List<Access> accesses() {
    return List.of(
        Access.read(Operand.FUSED_OUT),
        Access.read(ExpertParallel.RECEIVED_IDS),
        Access.overwrite(COMBINED));
  }

  @Override
  public void begin(OperandMemory memory, int tokens) {
    // The routes say all.
  }

  @Override
  public void addResultsFor(int rank, OperandMemory memory, Message message) {
    MemorySegment ids = memory.of(ExpertParallel.RECEIVED_IDS);
    MemorySegment results = memory.of(Operand.FUSED_OUT);
    int end = routes.firstReceived(rank) + routes.received(rank);
    for (int row = routes.firstReceived(rank); row < end; row++) {
      for (int slot = 0; slot < topK; slot++) {
        int pair = row * topK + slot;
        if (ids.get(INT, pair * 4L) >= 0) {
          message.add(results, pair * rowBytes, rowBytes);
        }
      }
    }
  }

  @Override
  public void addPlacesFor(int rank, OperandMemory memory, Message message) {
    MemorySegment combined = memory.of(COMBINED);
    for (int row = routes.firstRow(rank); row < routes.firstRow(rank + 1); row++) {
      for (int slot = 0; slot < topK; slot++) {
        int pair = routes.token(row) * topK + slot;
        if (routes.goesTo(rank, pair)) {
          message.add(combined, pair * rowBytes, rowBytes);
        }
      }
    }
  }

  @Override
  public void bringBack(OperandMemory memory, int firstRow, int endRow) {
    MemorySegment ids = memory.of(ExpertParallel.RECEIVED_IDS);
    MemorySegment results = memory.of(Operand.FUSED_OUT);
    MemorySegment combined = memory.of(COMBINED);
    int first = routes.firstRow(self);
    for (int row = firstRow; row < endRow; row++) {
      for (int slot = 0; slot < topK; slot++) {
        int from = routes.placeOfOwn(row) * topK + slot;
        if (ids.get(INT, from * 4L) >= 0) {
          int to = routes.token(first + row) * topK + slot;
          MemorySegment.copy(results, from * rowBytes, combined, to * rowBytes, rowBytes);
        }
      }
    }
  }

  @Override
  public List<Operation> reduce(TopKWeightAndReduce reduce, boolean weighted, Operand target) {
    return reduce.operations(COMBINED, weighted ? Operand.TOPK_WEIGHTS : null, target);
  }
}
