package dev.tornadomoe.parallel.mpi;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class BackoffTest {

  @Test
  void ends() {
    Backoff backoff = new Backoff(0, 1);
    backoff.begin();
    long begun = System.nanoTime();
    while (backoff.pause()) {
      assertThat(System.nanoTime() - begun).isLessThan(60_000_000_000L);
    }
    assertThat(System.nanoTime() - begun).isGreaterThanOrEqualTo(1_000_000_000L);
    assertThat(backoff.over("rank 2, which says nothing"))
        .hasMessage("rank 0 has waited 1 s for rank 2, which says nothing: it hangs, or is gone");
  }

  /// A process that was stopped has not waited meanwhile.
  @Test
  void doesNotCountTheTimeInWhichItCouldNotAsk() throws InterruptedException {
    Backoff backoff = new Backoff(0, 2);
    backoff.begin();
    Thread.sleep(2_500);
    assertThat(backoff.pause()).isTrue();
  }

  @Test
  void beginsAgain() {
    Backoff backoff = new Backoff(0, 60);
    backoff.begin();
    assertThat(backoff.pause()).isTrue();
  }
}
