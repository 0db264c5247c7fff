package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.rows.StagedSize;

/// What a session's largest steps need beside the plan's workspace.
///
/// @param scratch of each worker
/// @param indices of a session: groups of rows ([TokenGroups])
/// @param factors of a session, one for each token
public record StepNeeds(ScratchSize scratch, int indices, int factors) {
  static final StepNeeds NONE = new StepNeeds(ScratchSize.NONE, 0, 0);

  static StepNeeds of(ScratchSize scratch) {
    return new StepNeeds(scratch, 0, 0);
  }

  StepNeeds withIndices(int count) {
    return new StepNeeds(scratch, count, factors);
  }

  StepNeeds withFactors(int count) {
    return new StepNeeds(scratch, indices, count);
  }

  /// Room for either.
  StepNeeds max(StepNeeds other) {
    return new StepNeeds(
        scratch.max(other.scratch),
        Math.max(indices, other.indices),
        Math.max(factors, other.factors));
  }

  /// A session's own bytes: the scratch of the thread that calls, and the rest.
  public long ofSession() {
    return scratch.bytes() + StagedSize.array(indices) + StagedSize.array(factors);
  }
}
