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
import java.util.List;

/// The sums of a rank that is alone. Each token was its own, in its place, so what the experts have
/// summed is read where they left it.
final class OwnSums implements ReturnedRows {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

  /// For each token one of its experts, and -1 where it has none with weights `[M, 1]`, I32.
  private static final Operand SUM_IDS = new Operand("rank_sum_ids");

  private final int topK;

  OwnSums(int topK) {
    this.topK = topK;
  }

  @Override
  public int rowsOfToken() {
    return 1;
  }

  @Override
  public List<Workspace> workspaces(int tokens) {
    return List.of(new Workspace(SUM_IDS, DType.I32, Shape.of(tokens, 1)));
  }

  @Override
  public List<Access> accesses() {
    return List.of(
        Access.read(Operand.FUSED_OUT),
        Access.read(ExpertParallel.SENT_IDS),
        Access.overwrite(SUM_IDS));
  }

  @Override
  public void begin(OperandMemory memory, int tokens) {
    MemorySegment ids = memory.of(ExpertParallel.SENT_IDS);
    MemorySegment sumIds = memory.of(SUM_IDS);
    for (int token = 0; token < tokens; token++) {
      int id = -1;
      for (int slot = 0; slot < topK && id < 0; slot++) {
        id = ids.get(INT, ((long) token * topK + slot) * 4);
      }
      sumIds.set(INT, token * 4L, id);
    }
  }

  @Override
  public void addResultsFor(int rank, OperandMemory memory, Message message) {
    throw new IllegalStateException("there is no other rank");
  }

  @Override
  public void addPlacesFor(int rank, OperandMemory memory, Message message) {
    throw new IllegalStateException("there is no other rank");
  }

  @Override
  public void bringBack(OperandMemory memory, int firstRow, int endRow) {
    // They are there.
  }

  @Override
  public List<Operation> reduce(TopKWeightAndReduce reduce, boolean weighted, Operand target) {
    return List.of(new ReduceOperation.Reduce(Operand.FUSED_OUT, SUM_IDS, null, List.of(), target));
  }
}
