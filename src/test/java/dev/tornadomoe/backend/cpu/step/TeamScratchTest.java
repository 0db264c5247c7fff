package dev.tornadomoe.backend.cpu.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.cpu.kernel.choice.ScalarKernels;
import dev.tornadomoe.backend.cpu.team.WorkerTeam;
import org.junit.jupiter.api.Test;

/// The scratch that a team's sessions share.
class TeamScratchTest {

  /// The session that asks for too much has none of it, and the next one is not told that it is
  /// there already.
  @Test
  void roomThatCouldNotBeMadeIsNotTakenForMade() {
    // More elements than a Java array has.
    ScratchSize tooMuch =
        new ScratchSize(
            1, ScratchSize.Slot.NONE, ScratchSize.Slot.NONE, Integer.MAX_VALUE, 0, 0, 0);
    try (WorkerTeam workers = new WorkerTeam(2)) {
      TeamScratch team = new TeamScratch(workers, new ScalarKernels());
      for (int session = 0; session < 2; session++) {
        assertThatThrownBy(() -> team.reserve(tooMuch)).isInstanceOf(OutOfMemoryError.class);
      }
      team.reserve(ScratchSize.sum(8));
      assertThat(team.of(1).sum).hasSize(8);
    }
  }
}
