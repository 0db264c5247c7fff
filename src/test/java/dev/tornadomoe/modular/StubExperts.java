package dev.tornadomoe.modular;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.Shape;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/// Experts that promise what a test wants them to promise.
///
/// @param body what they do
/// @param aliasableUpTo the most tokens for which the output alias is supported
/// @param support whether they can compute any layer
public record StubExperts(
    String name,
    ActivationFormat format,
    Set<Capability> capabilities,
    boolean supportsOutputAlias,
    TopKWeightAndReduce weightAndReduce,
    List<Integer> pathLimits,
    StubBody body,
    int aliasableUpTo,
    Support support)
    implements Experts {

  /// Standard format, weighted and reduced, opted in, and able to write the output.
  public static StubExperts of(StubBody body) {
    return new StubExperts(
        "stub",
        ActivationFormat.STANDARD,
        EnumSet.of(Capability.CHUNKABLE),
        true,
        new TopKWeightAndReduce.NoOp(),
        List.of(),
        body,
        Integer.MAX_VALUE,
        Support.yes());
  }

  public StubExperts named(String other) {
    return new StubExperts(
        other,
        format,
        capabilities,
        supportsOutputAlias,
        weightAndReduce,
        pathLimits,
        body,
        aliasableUpTo,
        support);
  }

  public StubExperts batched() {
    return new StubExperts(
        name,
        ActivationFormat.BATCHED,
        capabilities,
        supportsOutputAlias,
        weightAndReduce,
        pathLimits,
        body,
        aliasableUpTo,
        support);
  }

  public StubExperts with(Capability more) {
    Set<Capability> all = EnumSet.copyOf(capabilities);
    all.add(more);
    return withAll(all);
  }

  public StubExperts without(Capability less) {
    Set<Capability> all = EnumSet.copyOf(capabilities);
    all.remove(less);
    return withAll(all);
  }

  private StubExperts withAll(Set<Capability> all) {
    return new StubExperts(
        name,
        format,
        all,
        supportsOutputAlias,
        weightAndReduce,
        pathLimits,
        body,
        aliasableUpTo,
        support);
  }

  public StubExperts notOptedIn() {
    return new StubExperts(
        name,
        format,
        capabilities,
        false,
        weightAndReduce,
        pathLimits,
        body,
        aliasableUpTo,
        support);
  }

  public StubExperts leaving(TopKWeightAndReduce reduce) {
    return new StubExperts(
        name,
        format,
        capabilities,
        supportsOutputAlias,
        reduce,
        pathLimits,
        body,
        aliasableUpTo,
        support);
  }

  public StubExperts pathLimits(Integer... limits) {
    return new StubExperts(
        name,
        format,
        capabilities,
        supportsOutputAlias,
        weightAndReduce,
        List.of(limits),
        body,
        aliasableUpTo,
        support);
  }

  public StubExperts aliasableUpTo(int tokens) {
    return new StubExperts(
        name,
        format,
        capabilities,
        supportsOutputAlias,
        weightAndReduce,
        pathLimits,
        body,
        tokens,
        support);
  }

  public StubExperts refusing(String reason) {
    return new StubExperts(
        name,
        format,
        capabilities,
        supportsOutputAlias,
        weightAndReduce,
        pathLimits,
        body,
        aliasableUpTo,
        Support.no(reason));
  }

  @Override
  public boolean supportsOutputAlias(Problem problem) {
    return supportsOutputAlias && problem.tokens() <= aliasableUpTo;
  }

  @Override
  public Support supports(MoeLayer layer) {
    return support;
  }

  @Override
  public Shape outputShape(Problem problem) {
    return body.outputShape(problem);
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    return body.workspaces(problem);
  }

  @Override
  public List<Operation> operations(Problem problem, ExpertInput input) {
    return body.operations(problem, input.rows(), input.weights());
  }
}
