package dev.tornadomoe.contract;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.ActivationFormat;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.ExpertInput;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.PrepareAndFinalize;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a prepare/finalize for two processes does, in one: the experts get twice as many rows, of
/// which the tokens' own are the odd ones and the others belong to nobody.
public final class TwoSidedEnds implements PrepareAndFinalize {
  private static final Operand ROWS = new Operand("received");
  private static final Operand IDS = new Operand("received_ids");
  private static final Operand WEIGHTS = new Operand("received_weights");

  @Override
  public String name() {
    return "two-sided";
  }

  @Override
  public ActivationFormat format() {
    return ActivationFormat.STANDARD;
  }

  @Override
  public boolean isLocal() {
    return false;
  }

  @Override
  public TopKWeightAndReduce resolve(TopKWeightAndReduce declared) {
    return declared;
  }

  @Override
  public int expertTokens(int tokens) {
    return 2 * tokens;
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    long rows = expertTokens(problem.tokens());
    return List.of(
        new Workspace(ROWS, DType.F32, Shape.of(rows, problem.hidden())),
        new Workspace(IDS, DType.I32, Shape.of(rows, problem.topK())),
        new Workspace(WEIGHTS, DType.F32, Shape.of(rows, problem.topK())));
  }

  @Override
  public ExpertInput expertInput(Operand input, @Nullable Operand weights) {
    return new ExpertInput(ROWS, IDS, WEIGHTS);
  }

  @Override
  public List<Operation> prepare(Operand input) {
    return List.of(
        spread(input, ROWS, 0),
        spread(Operand.TOPK_IDS, IDS, -1),
        spread(Operand.TOPK_WEIGHTS, WEIGHTS, 0));
  }

  @Override
  public List<Operation> finish(TopKWeightAndReduce reduce, boolean weighted, Operand target) {
    return List.of(
        new CustomOperation(
            "combine",
            List.of(Access.read(Operand.FUSED_OUT), Access.overwrite(target)),
            (memory, tokens) -> {
              long row = memory.rowStride(target) * 4;
              for (int t = 0; t < tokens; t++) {
                MemorySegment.copy(
                    memory.of(Operand.FUSED_OUT),
                    (2 * t + 1) * row,
                    memory.of(target),
                    t * row,
                    row);
              }
            }));
  }

  /// Odd rows from a source, even ones filled with bytes.
  private static Operation spread(Operand source, Operand target, int fill) {
    return new CustomOperation(
        "receive " + target,
        List.of(Access.read(source), Access.overwrite(target)),
        (memory, tokens) -> {
          long row = memory.rowStride(target) * 4;
          for (int t = 0; t < tokens; t++) {
            memory.of(target).asSlice(2 * t * row, row).fill((byte) fill);
            MemorySegment.copy(
                memory.of(source), t * row, memory.of(target), (2 * t + 1) * row, row);
          }
        });
  }
}
