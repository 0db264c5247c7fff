package dev.tornadomoe.modular;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// All experts in this process, each with its own batch: rows are copied to their experts, and
/// summed up from there.
public final class BatchedPrepareAndFinalize implements PrepareAndFinalize {

  /// Makes it; it has no options.
  public BatchedPrepareAndFinalize() {}

  @Override
  public String name() {
    return "local, batched";
  }

  @Override
  public ActivationFormat format() {
    return ActivationFormat.BATCHED;
  }

  @Override
  public boolean isLocal() {
    return true;
  }

  @Override
  public TopKWeightAndReduce resolve(TopKWeightAndReduce declared) {
    return declared instanceof TopKWeightAndReduce.Delegate
        ? new TopKWeightAndReduce.NaiveBatched()
        : declared;
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    // A token chooses an expert at most once, so no expert gets more rows than there are tokens.
    return List.of(
        Workspace.floats(
            Operand.DISPATCHED, problem.localExperts(), problem.tokens(), problem.hidden()),
        Workspace.ints(Operand.DISPATCH_COUNTS, problem.localExperts()),
        Workspace.ints(Operand.DISPATCH_ROWS, problem.pairs()));
  }

  @Override
  public ExpertInput expertInput(Operand input, @Nullable Operand weights) {
    return new ExpertInput(Operand.DISPATCHED, Operand.TOPK_IDS, weights);
  }

  @Override
  public List<Operation> prepare(Operand input) {
    return List.of(
        new RouteOperation.Dispatch(
            input,
            Operand.TOPK_IDS,
            Operand.DISPATCHED,
            Operand.DISPATCH_COUNTS,
            Operand.DISPATCH_ROWS));
  }
}
