package dev.tornadomoe.backend.cpu.team;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ThreadPlacementTest {

  @Test
  void aThreadAloneSharesItsCoreWithNobody() {
    ThreadPlacement.of(1)
        .ifPresent(placement -> {
          assertThat(placement.threads()).isEqualTo(1);
          assertThat(placement.cores()).isEqualTo(1);
          assertThat(placement.shared()).isFalse();
        });
  }

  /// What can't be told apart is not guessed.
  @Test
  void saysNothingOfThreadsThatAreNotThere() {
    assertThat(ThreadPlacement.of(1000)).isEmpty();
  }
}
