package dev.tornadomoe.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.layer.TopKGating.GroupScore;
import dev.tornadomoe.layer.TopKGating.Groups;
import dev.tornadomoe.layer.TopKGating.Scoring;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GatingTest {
  @Test
  void isBuiltStepByStep() {
    Groups groups = new Groups(8, 4, GroupScore.MAX);
    assertThat(TopKGating.softmax(6, false).scaled(16).grouped(groups))
        .isEqualTo(new TopKGating(6, Scoring.SOFTMAX, groups, false, 16));
    assertThat(TopKGating.softmax(2, true))
        .isEqualTo(new TopKGating(2, Scoring.SOFTMAX, null, true, 1));
    assertThat(TopKGating.softmaxOfSelected(4))
        .isEqualTo(new TopKGating(4, Scoring.SOFTMAX_OF_SELECTED, null, false, 1));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1})
  void refusesToChooseNoExpert(int topK) {
    assertThatThrownBy(() -> TopKGating.softmax(topK, true))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining("found " + topK);
    assertThatThrownBy(() -> new CustomGating(topK, (logits, ids, weights) -> {}))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining("found " + topK);
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void refusesScalesThatAreNotFinite(float scale) {
    assertThatThrownBy(() -> TopKGating.softmax(1, true).scaled(scale))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining(Float.toString(scale));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, -1e-20f})
  void refusesEpsilonsThatAreNoneOrNegative(float epsilon) {
    assertThatThrownBy(() -> TopKGating.softmax(1, true).withEpsilon(epsilon))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining(Float.toString(epsilon));
    assertThat(TopKGating.softmax(1, true).epsilon()).isEqualTo(TopKGating.USUAL_EPSILON);
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, 0, -1})
  void refusesNormsThatAreNone(float norm) {
    assertThatThrownBy(() -> TopKGating.softmax(1, true).withNorm(norm))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining(Float.toString(norm));
    assertThat(TopKGating.softmax(1, true).norm()).isEqualTo(1);
  }

  @Test
  void expertsForEveryTokenCountAmongItsExperts() {
    TopKGating gating = TopKGating.softmax(3, true).withAlways(2);
    assertThat(gating.topK()).isEqualTo(5);
    assertThat(gating.always()).isEqualTo(2);
    assertThat(gating.scaled(2).withNorm(2).withEpsilon(0).withLeastSum(0).always()).isEqualTo(2);
    assertThatThrownBy(() -> gating.withAlways(-6)).isInstanceOf(LayerException.class);
    assertThatThrownBy(() -> gating.withAlways(Integer.MAX_VALUE))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining("top-k 5 and 2147483647");
    assertThatThrownBy(() -> new TopKGating(2, Scoring.SOFTMAX, null, true, 1, 0, 0, 1, 3))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining("3 of a token's 2 experts");
  }

  @Test
  void aTableNamesAllOfATokensExperts() {
    TensorView table = HeapTensors.i32("table", Shape.of(1, 3), 0, 1, 2);
    TopKGating gating = new TopKGating(2, Scoring.SIGMOID, null, true, 1).withAlways(1);
    assertThatThrownBy(() -> new TableGating(table, gating))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("\"table\"", "1 always");
  }

  @ParameterizedTest
  @CsvSource({"8, 0", "8, 9", "0, 0", "0, 1", "8, -1", "-2, -2"})
  void refusesToKeepGroupsThatAreNotThere(int count, int kept) {
    assertThatThrownBy(() -> new Groups(count, kept, GroupScore.MAX))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining(kept + " of " + count);
  }

  @Test
  void theSparseMixerChoosesTwo() {
    assertThat(new SparseMixer(0).topK()).isEqualTo(2);
    assertThat(new SparseMixer(0.01f).jitter()).isEqualTo(0.01f);
  }

  @ParameterizedTest
  @ValueSource(floats = {-0.01f, Float.NaN, Float.NEGATIVE_INFINITY})
  void refusesNegativeJitter(float jitter) {
    assertThatThrownBy(() -> new SparseMixer(jitter))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining(Float.toString(jitter));
  }
}
