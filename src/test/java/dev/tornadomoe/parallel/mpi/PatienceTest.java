package dev.tornadomoe.parallel.mpi;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PatienceTest {

  @Test
  void ends() {
    Patience patience = new Patience(0, 1);
    patience.begin();
    long begun = System.nanoTime();
    while (patience.pause()) {
      assertThat(System.nanoTime() - begun).isLessThan(60_000_000_000L);
    }
    assertThat(System.nanoTime() - begun).isGreaterThanOrEqualTo(1_000_000_000L);
    assertThat(patience.over("rank 2, which says nothing"))
        .hasMessage("rank 0 has waited 1 s for rank 2, which says nothing: it hangs, or is gone");
  }

  /// A process that was stopped has not waited meanwhile.
  @Test
  void doesNotCountTheTimeInWhichItCouldNotAsk() throws InterruptedException {
    Patience patience = new Patience(0, 2);
    patience.begin();
    Thread.sleep(2_500);
    assertThat(patience.pause()).isTrue();
  }

  @Test
  void beginsAgain() {
    Patience patience = new Patience(0, 60);
    patience.begin();
    assertThat(patience.pause()).isTrue();
  }
}
