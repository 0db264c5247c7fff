package dev.tornadomoe.examples.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class SamplerTest {
  /// Probabilities 0.5, 0.3, 0.15 and 0.05.
  private static final float[] LOGITS = {
    (float) Math.log(0.15), (float) Math.log(0.5), (float) Math.log(0.05), (float) Math.log(0.3)
  };

  @Test
  void greedyTakesTheFirstOfTheLargest() {
    assertThat(new Sampler(0, 1, 1).next(1, 3, -2, 3)).isEqualTo(1);
  }

  @Test
  void samplesEachTokenAsOftenAsItIsLikely() {
    double[] shares = shares(new Sampler(1, 1, 1));
    assertThat(shares).containsExactly(new double[] {0.15, 0.5, 0.05, 0.3}, within(0.02));
  }

  @Test
  void topPKeepsTheFewestTokensThatMakeItUp() {
    double[] shares = shares(new Sampler(1, 0.7, 1));
    assertThat(shares).containsExactly(new double[] {0, 0.625, 0, 0.375}, within(0.02));
    assertThat(shares(new Sampler(1, 0.4, 1)))
        .containsExactly(new double[] {0, 1, 0, 0}, within(1e-9));
  }

  @Test
  void temperatureSharpens() {
    double sum = 0.5 * 0.5 + 0.3 * 0.3 + 0.15 * 0.15 + 0.05 * 0.05;
    assertThat(shares(new Sampler(0.5, 1, 1))[1]).isCloseTo(0.25 / sum, within(0.02));
  }

  @Test
  void whatIsNoNumberIsRefused() {
    assertThatThrownBy(() -> new Sampler(0, 1, 1).next(Float.NaN, 1))
        .isInstanceOf(DecoderException.class)
        .hasMessage("the model's logits are not finite");
  }

  private static double[] shares(Sampler sampler) {
    double[] counts = new double[LOGITS.length];
    int all = 20_000;
    for (int i = 0; i < all; i++) {
      counts[sampler.next(LOGITS)] += 1.0 / all;
    }
    return counts;
  }
}
