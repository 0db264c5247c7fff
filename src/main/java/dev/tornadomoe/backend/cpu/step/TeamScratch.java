package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.team.WorkerTeam;
import java.util.concurrent.atomic.AtomicLong;

/// The scratch of a team's threads, which all sessions of the team share. The thread that calls is
/// not one of them and brings its session's own ([SessionScratch]): several may call at once.
public final class TeamScratch {
  private final WorkerTeam team;
  private final CpuKernels kernels;
  private final Scratch[] scratch;
  private final AtomicLong runs = new AtomicLong();
  private ScratchSize size = ScratchSize.NONE;

  public TeamScratch(WorkerTeam team, CpuKernels kernels) {
    this.team = team;
    this.kernels = kernels;
    this.scratch = new Scratch[team.threads()];
  }

  /// Makes room for the steps of another session.
  synchronized void reserve(ScratchSize needed) {
    ScratchSize both = size.max(needed);
    if (!both.equals(size)) {
      team.between(() -> {
        for (int worker = 1; worker < scratch.length; worker++) {
          scratch[worker] = new Scratch(both, kernels);
        }
      });
      size = both; // once it is there
    }
  }

  /// Of one of the team's threads.
  ///
  /// @param worker from 1
  Scratch of(int worker) {
    return scratch[worker];
  }

  /// A number that no other run of any session's step has.
  long nextRun() {
    return runs.incrementAndGet();
  }
}
