package dev.tornadomoe.modular;

import static dev.tornadomoe.modular.ExpertOperands.EXPERT_ROWS;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.Shape;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/// Experts in any weight format: a grouped GEMM for every token count, weighted and summed to `[M,
/// H]`. [HybridExperts] do the same for many tokens; these are for who wants it for few, too.
public final class FusedExperts implements Experts {

  /// Makes them; they have no options.
  public FusedExperts() {}

  @Override
  public String name() {
    return "fused";
  }

  @Override
  public Support supports(MoeLayer layer) {
    return Support.yes();
  }

  @Override
  public ActivationFormat format() {
    return ActivationFormat.STANDARD;
  }

  @Override
  public Set<Capability> capabilities() {
    return EnumSet.of(
        Capability.INPUT_CONSUMED_BEFORE_OUTPUT,
        Capability.ZEROES_ROWS_WITHOUT_LOCAL_EXPERTS,
        Capability.ROW_STRIDE_OK,
        Capability.CHUNKABLE);
  }

  /// The last operation writes every row of `[M, H]` and is the only one that writes it.
  @Override
  public boolean supportsOutputAlias(Problem problem) {
    return true;
  }

  @Override
  public TopKWeightAndReduce weightAndReduce() {
    return new TopKWeightAndReduce.NoOp();
  }

  @Override
  public Shape outputShape(Problem problem) {
    return Shape.of(problem.tokens(), problem.hidden());
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    List<Workspace> workspaces = new ArrayList<>(GroupedPath.workspaces(problem));
    workspaces.add(Workspace.floats(EXPERT_ROWS, problem.pairs(), problem.hidden()));
    return workspaces;
  }

  @Override
  public List<Operation> operations(Problem problem, ExpertInput input) {
    List<Operation> operations = new ArrayList<>(GroupedPath.operations(input, EXPERT_ROWS));
    operations.add(
        new ReduceOperation.Reduce(
            EXPERT_ROWS, input.ids(), input.weights(), List.of(), Operand.FUSED_OUT));
    return operations;
  }
}
