package dev.tornadomoe.modular;

import static dev.tornadomoe.modular.ExpertOperands.ACTIVATED;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.WeightFormat;
import java.util.List;
import java.util.Set;

/// Experts with 4-bit weights: for few tokens a GEMV for each pair, in which the down projection
/// weights and sums on the way, for many tokens the grouped GEMM of [FusedExperts]. Both write `[M,
/// H]`, weighted and summed.
public final class HybridW4A16Experts implements Experts {
  /// Up to here reading an expert's weights again for a second token costs less than sorting and
  /// summing in steps of their own.
  private static final int FEW_TOKENS = 4;

  private final FusedExperts many = new FusedExperts();

  @Override
  public String name() {
    return "hybrid W4A16";
  }

  @Override
  public Support supports(MoeLayer layer) {
    Set<WeightFormat> formats = layer.experts().formats();
    return formats.stream().allMatch(WeightFormat::isInt4)
        ? Support.yes()
        : Support.no("needs 4-bit weights, found " + formats);
  }

  @Override
  public ActivationFormat format() {
    return ActivationFormat.STANDARD;
  }

  @Override
  public Set<Capability> capabilities() {
    return many.capabilities();
  }

  /// Both paths write every row of `[M, H]` in their last operation, and only there.
  @Override
  public boolean supportsOutputAlias() {
    return true;
  }

  @Override
  public TopKWeightAndReduce weightAndReduce() {
    return new TopKWeightAndReduce.NoOp();
  }

  @Override
  public List<Integer> pathLimits() {
    return List.of(FEW_TOKENS);
  }

  @Override
  public Shape outputShape(Problem problem) {
    return many.outputShape(problem);
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    return problem.tokens() <= FEW_TOKENS
        ? List.of(Workspace.floats(ACTIVATED, problem.pairs(), problem.intermediate()))
        : many.workspaces(problem);
  }

  @Override
  public List<Operation> operations(Problem problem, ExpertInput input) {
    return problem.tokens() <= FEW_TOKENS
        ? List.of(
            new Operation.GateUp(input.rows(), input.ids(), ACTIVATED),
            new Operation.DownReduce(
                ACTIVATED, input.ids(), input.weights(), List.of(), Operand.FUSED_OUT))
        : many.operations(problem, input);
  }
}
