package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.step.TeamScratch;
import dev.tornadomoe.backend.cpu.team.WorkerTeam;

/// Threads and their scratch, which all sessions of a backend share. They are there from the first
/// session on until the last one is closed.
final class CpuTeam {
  private final WorkerTeam workers;
  private final CpuKernels kernels;
  private final TeamScratch scratch;
  private int users = 1;

  /// Starts a team that has a user.
  ///
  /// @param threads how many work, the calling one included
  CpuTeam(int threads, CpuKernels kernels) {
    this.workers = new WorkerTeam(threads);
    this.kernels = kernels;
    this.scratch = new TeamScratch(workers, kernels);
  }

  /// Whether it is there still and as somebody wants it; if so, it has one more user.
  synchronized boolean joined(int threads, CpuKernels wanted) {
    if (users == 0 || threads != workers.threads() || !kernels.name().equals(wanted.name())) {
      return false;
    }
    users++;
    return true;
  }

  /// One user less; the last one ends the threads.
  synchronized void leave() {
    users--;
    if (users == 0) {
      workers.close();
    }
  }

  WorkerTeam workers() {
    return workers;
  }

  CpuKernels kernels() {
    return kernels;
  }

  TeamScratch scratch() {
    return scratch;
  }
}
