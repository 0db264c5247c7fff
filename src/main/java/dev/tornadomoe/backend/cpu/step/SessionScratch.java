package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;

/// What the steps of one session use beside the plan's workspace, one after the other.
public final class SessionScratch {
  private final TeamScratch team;
  private final Scratch mine;
  private final int[] indices;
  private final float[] factors;

  /// @param needed by its largest steps
  public SessionScratch(StepNeeds needed, TeamScratch team, CpuKernels kernels) {
    team.reserve(needed.scratch());
    this.team = team;
    this.mine = new Scratch(needed.scratch(), kernels);
    this.indices = new int[needed.indices()];
    this.factors = new float[needed.factors()];
  }

  /// A worker's scratch.
  ///
  /// @param worker 0 is the thread that calls
  Scratch of(int worker) {
    return worker == 0 ? mine : team.of(worker);
  }

  /// Room for a step's groups of rows.
  public int[] indices() {
    return indices;
  }

  /// Room for a factor for each token.
  float[] factors() {
    return factors;
  }

  /// A number that no other run of any session's step has.
  long nextRun() {
    return team.nextRun();
  }
}
