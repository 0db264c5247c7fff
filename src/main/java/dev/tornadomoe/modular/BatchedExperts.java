package dev.tornadomoe.modular;

import static dev.tornadomoe.modular.ExpertOperands.ACTIVATED;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.Shape;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/// Experts in the batched format: each works on its own `[T, H]` block, `fused_out` is `[E, T, H]`,
/// and how that is combined is left to prepare/finalize.
public final class BatchedExperts implements Experts {

  /// Makes them; they have no options.
  public BatchedExperts() {}

  @Override
  public String name() {
    return "batched";
  }

  @Override
  public Support supports(MoeLayer layer) {
    return Support.yes();
  }

  @Override
  public ActivationFormat format() {
    return ActivationFormat.BATCHED;
  }

  @Override
  public Set<Capability> capabilities() {
    return EnumSet.of(Capability.INPUT_CONSUMED_BEFORE_OUTPUT);
  }

  @Override
  public TopKWeightAndReduce weightAndReduce() {
    return new TopKWeightAndReduce.Delegate();
  }

  @Override
  public Shape outputShape(Problem problem) {
    return Shape.of(problem.localExperts(), problem.tokens(), problem.hidden());
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    return List.of(
        Workspace.floats(
            ACTIVATED, problem.localExperts(), problem.tokens(), problem.intermediate()));
  }

  @Override
  public List<Operation> operations(Problem problem, ExpertInput input) {
    return List.of(
        new ExpertOperation.BatchedGateUp(input.rows(), Operand.DISPATCH_COUNTS, ACTIVATED),
        new ExpertOperation.BatchedDown(ACTIVATED, Operand.DISPATCH_COUNTS, Operand.FUSED_OUT));
  }
}
