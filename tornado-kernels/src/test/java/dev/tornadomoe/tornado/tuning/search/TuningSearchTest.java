package dev.tornadomoe.tornado.tuning.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.tuning.GroupShape;
import dev.tornadomoe.tornado.tuning.Tuning;
import dev.tornadomoe.tornado.tuning.TuningCandidates;
import dev.tornadomoe.tornado.tuning.TuningKey;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/// What a search makes of times, which are made up here.
class TuningSearchTest {
  private static final DeviceLimits DEVICE =
      new DeviceLimits("chip", 512, 48 << 10, 1 << 30, 1 << 30, KernelShape.WORK_GROUPS);
  private static final TuningKey KEY =
      new TuningKey(KernelShape.WORK_GROUPS, 2048, 768, 128, 8, "int4 g32");

  private final List<Tuning> measured = new ArrayList<>();
  private Function<Tuning, Object> kernels = tuning -> tuning;
  private int steps;

  @Test
  void eachProjectionGetsItsBestGroups() {
    TuningSearch.Found found =
        search(
            1,
            false,
            tuning ->
                times(
                    10 + Math.abs(tuning.gateUp().threads() - 128) + tuning.gateUp().rowsPerItem(),
                    10 + Math.abs(tuning.down().threads() - 512) - tuning.down().rowsPerItem()));
    assertThat(found.best().gateUp()).isEqualTo(new GroupShape(128, 1));
    assertThat(found.best().down()).isEqualTo(new GroupShape(512, 8));
    assertThat(found.time().both()).isEqualTo(10 + 1 + 10 - 8);
    assertThat(found.variants()).isEqualTo(16);
    assertThat(steps).isEqualTo(measured.size()).isEqualTo(18);
  }

  /// Blocks of 8 are best for gate/up and down together, of others for each alone.
  @Test
  void bothProjectionsHaveTheSameBlocks() {
    TuningSearch.Found found =
        search(
            64,
            true,
            tuning -> {
              int rows = tuning.blockGateUp().rowsPerItem();
              double threads = Math.abs(tuning.blockDown().threads() - 128) / 64.0;
              return switch (tuning.tokens()) {
                case 2 -> times(10, 90);
                case 8 -> times(30 - rows, 30 + tuning.blockDown().rowsPerItem() + threads);
                default -> times(90, 90);
              };
            });
    assertThat(found.best().tokens()).isEqualTo(8);
    assertThat(found.best().blockGateUp()).isEqualTo(new GroupShape(32, 4));
    assertThat(found.best().blockDown()).isEqualTo(new GroupShape(128, 4));
    assertThat(steps).isLessThanOrEqualTo(measured.size() + 2);
  }

  @Test
  void whatFailsIsNotChosen() {
    TuningSearch.Found found =
        search(
            1,
            false,
            tuning -> {
              if (tuning.gateUp().threads() == 64) {
                throw new BackendException("out of registers");
              }
              return times(tuning.gateUp().threads(), 1);
            });
    assertThat(found.best().gateUp().threads()).isEqualTo(128);
  }

  @Test
  void theGuessStaysWhereNothingIsClearlyFaster() {
    Tuning guess = Tuning.guess(DEVICE, KEY, 1);
    TuningSearch.Found found =
        search(1, false, tuning -> times(tuning.equals(guess) ? 100 : 98, 100));
    assertThat(found.best()).isEqualTo(guess);
    assertThat(found.time()).isEqualTo(found.ofGuess());
  }

  /// Kernels that are faster alone are of no use to a session.
  @Test
  void theGuessStaysWhereTheStepIsNotFaster() {
    Tuning guess = Tuning.guess(DEVICE, KEY, 1);
    for (double step : new double[] {29, 30, 31}) {
      TuningSearch.Found found =
          search(
              1,
              false,
              tuning ->
                  tuning.equals(guess)
                      ? new TuningRun.Times(10, 10, 30)
                      : new TuningRun.Times(8, 8, step));
      assertThat(found.best().equals(guess)).isEqualTo(step >= 30);
    }
  }

  @Test
  void cutsThatAreTheSameKernelsAreMeasuredOnce() {
    kernels = tuning -> tuning.gateUp().threads();
    TuningSearch.Found found =
        search(1, false, tuning -> times(1000 - tuning.gateUp().threads(), 1));
    assertThat(found.best().gateUp().threads()).isEqualTo(512);
    assertThat(found.variants()).isEqualTo(4);

    kernels = tuning -> "spans";
    found = search(1, false, tuning -> times(1000 - measured.size(), 1));
    assertThat(found.best()).isEqualTo(Tuning.guess(DEVICE, KEY, 1));
    assertThat(found.variants()).isEqualTo(1);
  }

  @Test
  void aProfilerWithoutTimesIsRefused() {
    assertThatThrownBy(() -> search(1, false, tuning -> times(Double.NaN, Double.NaN)))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("gives no kernel times")
        .hasMessage("the device's driver gives no kernel times");
  }

  @Test
  void aGuessThatFailsIsRefused() {
    assertThatThrownBy(() ->
            search(
                1,
                false,
                tuning -> {
                  throw new BackendException("no");
                }))
        .hasMessage("no");
  }

  /// With a step that takes as long as its kernels.
  private static TuningRun.Times times(double gateUp, double down) {
    return new TuningRun.Times(gateUp, down, gateUp + down);
  }

  private TuningSearch.Found search(
      int tokens, boolean inBlocks, Function<Tuning, TuningRun.Times> run) {
    TuningSearch search =
        new TuningSearch(
            tuning -> {
              measured.add(tuning);
              return run.apply(tuning);
            },
            kernels,
            new TuningCandidates(DEVICE, KEY, Tuning.guess(DEVICE, KEY, tokens)),
            inBlocks,
            () -> {});
    steps = search.steps();
    return search.search();
  }
}
