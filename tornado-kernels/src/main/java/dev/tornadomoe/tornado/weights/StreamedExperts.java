package dev.tornadomoe.tornado.weights;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ActivationFormat;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.ExpertInput;
import dev.tornadomoe.modular.Experts;
import dev.tornadomoe.modular.HybridExperts;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.Support;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tensor.Shape;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Experts whose weights go up with each call, in the place of others ([StreamedWeights]). What
/// they compute is what [HybridExperts] do.
///
/// @param experts that they work as
/// @param fromTokens the fewest tokens of a call
/// @param half which of two places on the device they go to, 0 or 1: weights may go up to one while
///   those in the other are computed with
public record StreamedExperts(HybridExperts experts, int fromTokens, int half) implements Experts {

  /// Those of a layer of a plan, if its weights go up with each call.
  public static Optional<StreamedExperts> of(MoePlan plan, int layer) {
    return plan.modularMoe(layer).experts() instanceof StreamedExperts streamed
        ? Optional.of(streamed)
        : Optional.empty();
  }

  @Override
  public String name() {
    return "streamed";
  }

  @Override
  public Support supports(MoeLayer layer) {
    return experts.supports(layer);
  }

  @Override
  public ActivationFormat format() {
    return experts.format();
  }

  @Override
  public Set<Capability> capabilities() {
    return experts.capabilities();
  }

  @Override
  public boolean supportsOutputAlias(Problem problem) {
    return experts.supportsOutputAlias(problem);
  }

  @Override
  public TopKWeightAndReduce weightAndReduce() {
    return experts.weightAndReduce();
  }

  @Override
  public List<Integer> pathLimits() {
    return experts.pathLimits();
  }

  @Override
  public Shape outputShape(Problem problem) {
    return experts.outputShape(problem);
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    return experts.workspaces(problem);
  }

  @Override
  public List<Operation> operations(Problem problem, ExpertInput input) {
    return experts.operations(problem, input);
  }
}
