package dev.tornadomoe.backend.cpu.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.CallInterruptedException;
import dev.tornadomoe.backend.cpu.team.WorkerTeam;
import dev.tornadomoe.backend.host.Interruption;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// An interrupt ends a step in its middle, between two items of the thread that calls.
class SessionTeamTest {
  private static final int ITEMS = 10_000;

  /// Or the next test would begin interrupted.
  @AfterEach
  void clear() {
    Thread.interrupted();
  }

  private final AtomicInteger done = new AtomicInteger();

  /// The calling thread's fifth item interrupts it; others leave it that many.
  private void item(int item, int worker) {
    while (worker > 0 && done.get() < 5) {
      Thread.onSpinWait();
    }
    if (worker == 0 && done.incrementAndGet() == 5) {
      Thread.currentThread().interrupt();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void anInterruptEndsAStep(int threads) {
    try (WorkerTeam team = new WorkerTeam(threads)) {
      SessionTeam ofSession = new SessionTeam(team, Interruption.HEEDED);
      assertThatThrownBy(() -> ofSession.run(this::item, ITEMS))
          .isInstanceOf(CallInterruptedException.class);
      assertThat(done).hasValue(5);
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void ignoredItEndsNothing(int threads) {
    try (WorkerTeam team = new WorkerTeam(threads)) {
      Thread.currentThread().interrupt();
      new SessionTeam(team, Interruption.IGNORED)
          .run((item, worker) -> done.incrementAndGet(), ITEMS);
      assertThat(done).hasValue(ITEMS);
    }
  }
}
