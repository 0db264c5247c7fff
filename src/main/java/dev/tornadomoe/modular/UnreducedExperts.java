package dev.tornadomoe.modular;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.Shape;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/// Experts that stop after the down projection: `fused_out` is `[M*k, H]`, unweighted, and finalize
/// weights and sums. For callers that combine in their own way: their output is what the experts
/// write, and may be the same memory.
public final class UnreducedExperts implements Experts {

  /// Makes them; they have no options.
  public UnreducedExperts() {}

  @Override
  public String name() {
    return "unreduced";
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
    return EnumSet.of(Capability.INPUT_CONSUMED_BEFORE_OUTPUT, Capability.CHUNKABLE);
  }

  /// The last operation writes the row of every pair whose expert is here, and is the only one that
  /// writes rows.
  @Override
  public boolean supportsOutputAlias(Problem problem) {
    return problem.localExperts() == problem.globalExperts();
  }

  @Override
  public TopKWeightAndReduce weightAndReduce() {
    return new TopKWeightAndReduce.Contiguous();
  }

  @Override
  public Shape outputShape(Problem problem) {
    return Shape.of(problem.pairs(), problem.hidden());
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    return GroupedPath.workspaces(problem);
  }

  @Override
  public List<Operation> operations(Problem problem, ExpertInput input) {
    return GroupedPath.operations(input, Operand.FUSED_OUT);
  }
}
