package dev.tornadomoe.modular;

import static dev.tornadomoe.modular.ExpertOperands.ACTIVATED;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.Shape;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// Experts in any weight format: for few tokens a GEMV for each pair, in which the down projection
/// weights and sums on the way, for many tokens the grouped GEMM of [FusedExperts]. Both write `[M,
/// H]`, weighted and summed. The usual choice: a decode step takes two operations where the grouped
/// path takes four, and on a GPU each is a launch.
public final class HybridExperts implements Experts {
  /// Up to here reading an expert's weights again for a second token costs less on a CPU than
  /// sorting and summing in steps of their own.
  private static final int FEW_TOKENS = 4;

  private final FusedExperts many = new FusedExperts();
  private final int fewTokens;

  /// With the limit that suits a CPU.
  public HybridExperts() {
    this(FEW_TOKENS);
  }

  /// Experts that change from pairs to groups at a token count.
  ///
  /// @param fewTokens up to how many tokens to work pair by pair, at least 1
  /// @throws ModularException for less
  public HybridExperts(int fewTokens) {
    if (fewTokens < 1) {
      throw new ModularException(
          String.format(
              Locale.ROOT,
              "experts \"hybrid\" work pair by pair up to %d tokens, expected 1 or more",
              fewTokens));
    }
    this.fewTokens = fewTokens;
  }

  @Override
  public String name() {
    return "hybrid";
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
    return many.capabilities();
  }

  /// Both paths write every row of `[M, H]` in their last operation, and only there.
  @Override
  public boolean supportsOutputAlias(Problem problem) {
    return true;
  }

  @Override
  public TopKWeightAndReduce weightAndReduce() {
    return new TopKWeightAndReduce.NoOp();
  }

  @Override
  public List<Integer> pathLimits() {
    return List.of(fewTokens);
  }

  @Override
  public Shape outputShape(Problem problem) {
    return many.outputShape(problem);
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    return problem.tokens() <= fewTokens
        ? List.of(Workspace.floats(ACTIVATED, problem.pairs(), problem.intermediate()))
        : many.workspaces(problem);
  }

  @Override
  public List<Operation> operations(Problem problem, ExpertInput input) {
    return problem.tokens() <= fewTokens
        ? List.of(
            new ExpertOperation.GateUp(input.rows(), input.ids(), ACTIVATED),
            new ReduceOperation.DownReduce(
                ACTIVATED, input.ids(), input.weights(), List.of(), Operand.FUSED_OUT))
        : many.operations(problem, input);
  }
}
