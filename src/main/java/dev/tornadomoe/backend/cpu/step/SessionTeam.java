package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.team.WorkerTeam;
import dev.tornadomoe.backend.host.Interruption;

/// The team as one session's steps use it: who interrupts the thread that calls ends the step.
public final class SessionTeam {
  private final WorkerTeam team;
  private final Runnable check;

  /// @param interruption of the session's calls
  public SessionTeam(WorkerTeam team, Interruption interruption) {
    this.team = team;
    this.check = interruption::check; // once: a call allocates nothing
  }

  /// How many threads work, the calling one included.
  int threads() {
    return team.threads();
  }

  /// Does all items of a task.
  ///
  /// @throws dev.tornadomoe.backend.CallInterruptedException when the thread is interrupted, as
  ///   soon as the items under way are done
  void run(WorkerTeam.Task task, int items) {
    team.run(task, items, check);
  }
}
