package dev.tornadomoe.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/// When warming up ends, on a clock of the test's own: windows of a second, a limit of thirty.
class SteadinessTest {
  private static final long SECOND = 1_000_000_000L;
  private boolean compiling;
  private final Steadiness steadiness = new Steadiness(2, 0, () -> compiling);

  /// A window with one round.
  private void window(int second, double micros) {
    steadiness.add(micros, second * SECOND);
  }

  @Test
  void endsWhenASecondWindowIsNoFaster() {
    window(1, 100);
    assertThat(steadiness.ended()).isFalse();
    window(2, 95);
    assertThat(steadiness.ended()).isTrue();
    assertThat(steadiness.steady()).isTrue();
  }

  @Test
  void goesOnWhileStepsGetFaster() {
    double[] micros = {1000, 800, 400, 200, 100};
    for (int second = 1; second <= 5; second++) {
      window(second, micros[second - 1]);
      assertThat(steadiness.ended()).isFalse();
    }
    window(6, 100);
    assertThat(steadiness.steady()).isTrue();
  }

  @Test
  void uncompiledCodeIsNotSteadyHoweverEvenItsTimes() {
    compiling = true;
    for (int second = 1; second < 10; second++) {
      window(second, 18853);
      assertThat(steadiness.ended()).isFalse();
    }
    compiling = false;
    window(10, 1754);
    assertThat(steadiness.ended()).isFalse();
    window(11, 1754);
    assertThat(steadiness.steady()).isTrue();
  }

  @Test
  void hasALimitAndSaysThatItWasMet() {
    compiling = true;
    for (int second = 1; second < 30; second++) {
      window(second, 100);
      assertThat(steadiness.ended()).isFalse();
    }
    window(30, 100);
    assertThat(steadiness.ended()).isTrue();
    assertThat(steadiness.steady()).isFalse();
  }

  @Test
  void roundsWithinAWindowCountByTheirMedian() {
    for (int i = 1; i <= 9; i++) {
      steadiness.add(i == 5 ? 10_000 : 100, i * SECOND / 9);
    }
    steadiness.add(100, 2 * SECOND);
    assertThat(steadiness.steady()).isTrue();
  }

  @Test
  void aStepThatIsLongerThanTheLimitIsEnough() {
    window(1000, 5e8);
    assertThat(steadiness.steady()).isTrue();
  }
}
