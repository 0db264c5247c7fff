package dev.tornadomoe.layer;

import static dev.tornadomoe.layer.LayerParts.bias;
import static dev.tornadomoe.layer.LayerParts.router;
import static dev.tornadomoe.layer.LayerParts.weight;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.layer.TopKGating.GroupScore;
import dev.tornadomoe.layer.TopKGating.Groups;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RouterTest {
  private static final Gating TOP_2 = TopKGating.softmax(2, true);

  @Test
  void tellsItsSizes() {
    Router router =
        new Router(weight("r", 5, 6), bias("b", 5), bias("c", 5), TopKGating.softmax(3, true));
    assertThat(router.experts()).isEqualTo(5);
    assertThat(router.topK()).isEqualTo(3);
  }

  @Test
  void mayChooseAllExperts() {
    assertThat(router(5, 6, TopKGating.softmax(5, true)).topK()).isEqualTo(5);
    assertThat(router(1, 6, TopKGating.softmax(1, true)).experts()).isEqualTo(1);
  }

  @Test
  void refusesToChooseMoreExpertsThanThereAre() {
    assertThatThrownBy(() -> router(5, 6, TopKGating.softmax(6, true)))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("top-k is 6", "\"router\"", "5 experts");
    assertThatThrownBy(() -> router(1, 6, new SparseMixer(0)))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("top-k is 2", "1 experts");
  }

  @Test
  void refusesBiasesOfAnotherSize() {
    assertThatThrownBy(() -> new Router(weight("r", 5, 6), bias("b", 4), null, TOP_2))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("\"b\"", "4", "5");
    assertThatThrownBy(() -> new Router(weight("r", 5, 6), null, bias("c", 6), TOP_2))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("correction", "\"c\"", "6", "5");
  }

  @Test
  void refusesACorrectionBiasThatNobodyApplies() {
    assertThatThrownBy(
            () -> new Router(weight("r", 5, 6), null, bias("c", 5), new SparseMixer(0.01f)))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining("correction bias");
    CustomGating custom = new CustomGating(1, (logits, ids, weights) -> {});
    assertThatThrownBy(() -> new Router(weight("r", 5, 6), null, bias("c", 5), custom))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining("correction bias");
  }

  /// What every token gets is above all scores, and has no correction bias of its own.
  @Test
  void correctsTheChoiceOfExpertsForEveryToken() {
    TopKGating gating = TopKGating.softmax(2, true);
    assertThat(router(5, 6, gating).corrections()).isNull();
    assertThat(router(3, 6, gating.withAlways(1)).corrections())
        .containsExactly(0, 0, Float.POSITIVE_INFINITY);
    Router corrected = new Router(weight("r", 5, 6), null, bias("c", 3), gating.withAlways(2));
    float[] bias = bias("c", 3).toFloats();
    float infinity = Float.POSITIVE_INFINITY;
    assertThat(corrected.corrections())
        .containsExactly(bias[0], bias[1], bias[2], infinity, infinity);
    assertThatThrownBy(
            () -> new Router(weight("r", 5, 6), null, bias("c", 5), gating.withAlways(2)))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("correction", "5", "3");
    TopKGating grouped = gating.withAlways(2).grouped(new Groups(2, 1, GroupScore.MAX));
    assertThatThrownBy(() -> router(6, 6, grouped))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining("every token");
  }

  /// Experts of other groups can be chosen then.
  @Test
  void groupsThatAreZeroedNeedNotHoldEnoughExperts() {
    Groups groups = new Groups(8, 1, GroupScore.SUM_OF_TWO, true);
    assertThat(router(16, 6, TopKGating.softmax(3, false).grouped(groups)).topK()).isEqualTo(3);
  }

  @ParameterizedTest
  @CsvSource({
    "16, 4, 2, 8, MAX", // all experts of the kept groups
    "16, 16, 4, 4, MAX", // groups of one
    "16, 8, 4, 8, SUM_OF_TWO", // groups of two
    "16, 1, 1, 16, SUM_OF_TWO"
  })
  void acceptsGroupsThatHoldEnoughExperts(
      int experts, int count, int kept, int topK, GroupScore score) {
    Gating gating = TopKGating.softmax(topK, false).grouped(new Groups(count, kept, score));
    assertThat(router(experts, 6, gating).topK()).isEqualTo(topK);
  }

  @ParameterizedTest
  @CsvSource({
    "16, 3, 2, 4, MAX, 16 experts, 3 groups",
    "16, 32, 2, 1, MAX, 16 experts, 32 groups",
    "16, 4, 2, 9, MAX, top-k is 9, only 8 experts",
    "16, 16, 2, 2, SUM_OF_TWO, two highest, 16 groups"
  })
  void refusesGroupsThatDoNotFit(
      int experts, int count, int kept, int topK, GroupScore score, String first, String second) {
    Gating gating = TopKGating.softmax(topK, false).grouped(new Groups(count, kept, score));
    assertThatThrownBy(() -> router(experts, 6, gating))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll(first, second);
  }
}
