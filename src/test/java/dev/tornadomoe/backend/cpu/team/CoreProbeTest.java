package dev.tornadomoe.backend.cpu.team;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class CoreProbeTest {

  @Test
  void aThreadAloneSharesItsCoreWithNobody() {
    CoreProbe.of(1)
        .ifPresent(coreUse -> {
          assertThat(coreUse.threads()).isEqualTo(1);
          assertThat(coreUse.cores()).isEqualTo(1);
          assertThat(coreUse.shared()).isFalse();
        });
  }

  /// What can't be told apart is not guessed.
  @Test
  void saysNothingOfThreadsThatAreNotThere() {
    assertThat(CoreProbe.of(1000)).isEmpty();
  }
}
