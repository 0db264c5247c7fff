package dev.tornadomoe.layer;

import static dev.tornadomoe.layer.LayerParts.bias;
import static dev.tornadomoe.layer.LayerParts.experts;
import static dev.tornadomoe.layer.LayerParts.mlp;
import static dev.tornadomoe.layer.LayerParts.plain;
import static dev.tornadomoe.layer.LayerParts.softmax;
import static dev.tornadomoe.layer.LayerParts.weight;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MoeLayerTest {
  private static final int H = 6;
  private static final int I = 4;

  @Test
  void tellsItsSizes() {
    SharedExperts shared = new SharedExperts(mlp(H, 9), weight("sg", 1, H));
    MoeLayer layer = MoeLayer.of(12, softmax(5, H, 3), experts(5, H, I), shared);
    assertThat(layer.index()).isEqualTo(12);
    assertThat(layer.topK()).isEqualTo(3);
    assertThat(layer.hidden()).isEqualTo(H);
    assertThat(layer.intermediate()).isEqualTo(I);
    assertThat(layer.globalExperts()).isEqualTo(5);
    assertThat(layer.shared()).isSameAs(shared);
    assertThat(layer.routerWeightOnInput()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 6})
  void refusesToUseNoExpertOrMoreThanThereAre(int topK) {
    ExpertWeights experts = experts(5, H, I);
    assertThatThrownBy(() -> new MoeLayer(12, topK, null, experts, null, false))
        .isInstanceOf(LayerException.class)
        .isInstanceOf(MoeException.class)
        .hasMessageContainingAll("layer 12", "top-k is " + topK, "1 to 5");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5})
  void theCallerMayGiveIdsAndWeights(int topK) {
    MoeLayer layer = new MoeLayer(0, topK, null, experts(5, H, I), null, false);
    assertThat(layer.router()).isNull();
    assertThat(layer.topK()).isEqualTo(topK);
  }

  @ParameterizedTest
  @CsvSource({"4, 6, '[4, 6]'", "5, 7, '[5, 7]'", "6, 6, '[6, 6]'"})
  void refusesARouterForOtherExperts(int rows, int columns, String found) {
    ExpertWeights experts = experts(5, H, I);
    assertThatThrownBy(() -> MoeLayer.of(3, softmax(rows, columns, 2), experts, null))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "\"router\"", found, "[5, 6]");
  }

  @Test
  void refusesARouterThatChoosesAnotherNumber() {
    ExpertWeights experts = experts(5, H, I);
    assertThatThrownBy(() -> new MoeLayer(3, 2, softmax(5, H, 3), experts, null, false))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "2", "3");
  }

  @Test
  void refusesSharedExpertsOfAnotherHiddenSize() {
    ExpertWeights experts = experts(5, H, I);
    SharedExperts shared = new SharedExperts(mlp(7, I), null);
    assertThatThrownBy(() -> MoeLayer.of(3, softmax(5, H, 2), experts, shared))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "7", "6");
  }

  /// The activation may be its own or the routed experts'.
  @Test
  void refusesASharedExpertWithoutTheGateThatItsActivationNeeds() {
    Activation needy = Activation.swigluClamped(7);
    Mlp plain = plain(H, I);
    ExpertWeights experts = experts(5, H, I);
    assertNeedsGate(experts, new SharedExperts(plain, null, needy));
    ExpertWeights needyExperts = new ExpertWeights(experts.local(), experts.map(), needy);
    assertNeedsGate(needyExperts, new SharedExperts(plain, null));
    SharedExperts own = new SharedExperts(plain, null, Activation.SILU);
    assertThat(MoeLayer.of(3, softmax(5, H, 1), needyExperts, own).shared()).isEqualTo(own);
  }

  private static void assertNeedsGate(ExpertWeights experts, SharedExperts shared) {
    assertThatThrownBy(() -> MoeLayer.of(3, softmax(5, H, 1), experts, shared))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "SWIGLU_CLAMPED", "gated shared expert");
  }

  @Test
  void anAverageIsHalfOfEach() {
    SharedExperts shared = new SharedExperts(mlp(H, I), null);
    TopKGating scaled = TopKGating.softmax(2, true).scaled(3);
    MoeLayer layer =
        MoeLayer.of(3, LayerParts.router(5, H, scaled), experts(5, H, I), shared).averaged();
    assertThat(Objects.requireNonNull(layer.router()).gating()).isEqualTo(scaled.scaled(1.5f));
    SharedExperts half = Objects.requireNonNull(layer.shared());
    assertThat(half.isHalf()).isTrue();
    assertThat(half.mlp()).isSameAs(shared.mlp());
    assertThat(shared.isHalf()).isFalse();
    assertThatThrownBy(layer::averaged).isInstanceOf(LayerException.class);
  }

  @Test
  void aRouterOfTheCallersOwnHalvesItsWeightsItself() {
    SharedExperts shared = new SharedExperts(mlp(H, I), null);
    MoeLayer layer = new MoeLayer(3, 2, null, experts(5, H, I), shared, false).averaged();
    assertThat(layer.router()).isNull();
    assertThat(Objects.requireNonNull(layer.shared()).isHalf()).isTrue();
  }

  @Test
  void withoutASharedExpertThereIsNothingToAverage() {
    MoeLayer layer = MoeLayer.of(3, softmax(5, H, 2), experts(5, H, I), null);
    assertThat(layer.averaged()).isSameAs(layer);
  }

  @Test
  void refusesAnAverageOfWhatHasNoHalf() {
    ExpertWeights experts = experts(5, H, I);
    SharedExperts shared = new SharedExperts(mlp(H, I), null);
    MoeLayer onInput = new MoeLayer(3, 1, softmax(5, H, 1), experts, shared, true);
    assertThatThrownBy(onInput::averaged)
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "the router weight on the input");
    MoeLayer gated =
        MoeLayer.of(3, softmax(5, H, 1), experts, new SharedExperts(mlp(H, 9), weight("sg", 1, H)));
    assertThatThrownBy(gated::averaged)
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("shared expert", "\"sg\"");
    MoeLayer mixer =
        MoeLayer.of(3, LayerParts.router(5, H, new SparseMixer(0.01f)), experts, shared);
    assertThatThrownBy(mixer::averaged)
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("SparseMixer", "halved");
    Latent latent = new Latent(weight("in", H, 8), weight("out", 8, H), null, bias("b", 8));
    SharedExperts wide = new SharedExperts(mlp(8, I), null);
    MoeLayer biased =
        new MoeLayer(3, 1, softmax(5, 8, 1), experts, wide, false, 0, latent, OwnNorms.NONE);
    assertThatThrownBy(biased::averaged)
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "bias behind a latent projection");
  }

  @ParameterizedTest
  @CsvSource({"2, 6, '[2, 6]'", "1, 5, '[1, 5]'", "6, 1, '[6, 1]'"})
  void refusesASharedExpertGateThatDoesNotFit(int rows, int columns, String found) {
    assertThatThrownBy(() -> new SharedExperts(mlp(H, I), weight("sg", rows, columns)))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("\"sg\"", found, "[1, 6]");
  }

  @Test
  void theRouterWeightGoesOnTheInputOfOneExpertOnly() {
    ExpertWeights experts = experts(5, H, I);
    MoeLayer one = new MoeLayer(3, 1, softmax(5, H, 1), experts, null, true);
    assertThat(one.routerWeightOnInput()).isTrue();
    assertThatThrownBy(() -> new MoeLayer(3, 2, softmax(5, H, 2), experts, null, true))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "top-k 2");
  }

  @Test
  void keepsItsRouterWhenSomeExpertsLiveElsewhere() {
    MoeLayer all = MoeLayer.of(3, softmax(5, H, 2), experts(5, H, I), null);
    MoeLayer some = all.withExpertMap(ExpertMap.of(-1, 0, -1, 1, -1));
    assertThat(some.globalExperts()).isEqualTo(5);
    assertThat(some.experts().local()).hasSize(2);
    assertThat(some.experts().local().get(1)).isSameAs(all.experts().local().get(3));
    assertThat(some.router()).isSameAs(all.router());
    assertThat(some.index()).isEqualTo(3);
  }

  @Test
  void expertsBehindALatentProjectionTakeItsRows() {
    Latent latent = new Latent(weight("in", H, 2 * H), weight("out", 2 * H, H), null, null);
    Router router = softmax(5, 2 * H, 2);
    ExpertWeights experts = experts(5, H, I);
    MoeLayer layer = new MoeLayer(3, 2, router, experts, null, false, 0, latent, OwnNorms.NONE);
    assertThat(layer.hidden()).isEqualTo(2 * H);
    assertThat(layer.dividedBy(ExpertMap.of(-1, 0, -1, 1, -1)).latent()).isSameAs(latent);
    assertThatThrownBy(() ->
            new MoeLayer(3, 2, router, experts(5, H + 1, I), null, false, 0, latent, OwnNorms.NONE))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "\"in\"", "rows of " + H, "take " + (H + 1));
    assertThatThrownBy(
            () -> new MoeLayer(3, 1, null, experts, null, true, 0, latent, OwnNorms.NONE))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "the router weight on the input");
    assertThatThrownBy(() -> new Latent(weight("in", H, 9), weight("out", 9, 2), null, null))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("\"out\"", "[9, 2]", "[9, " + H + "]");
    assertThatThrownBy(
            () -> new Latent(weight("in", H, 9), weight("out", 9, H), bias("b", 9), null))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("\"b\"", "9", "" + H);
  }

  /// Three experts with weights, two that return their input.
  private static MoeLayer withIdentities(ExpertMap map, int identities, boolean onInput) {
    return new MoeLayer(
        3,
        1,
        softmax(5, H, 1),
        new ExpertWeights(LayerParts.mlps(3, H, I), map, Activation.SILU),
        null,
        onInput,
        identities);
  }

  @Test
  void theLastExpertsMayReturnTheirInput() {
    MoeLayer layer = withIdentities(ExpertMap.of(0, 1, 2, -1, -1), 2, false);
    assertThat(layer.globalExperts()).isEqualTo(5);
    assertThat(layer.identityExperts()).isEqualTo(2);
    assertThatThrownBy(() -> layer.withExpertMap(ExpertMap.of(0, -1, -1, -1, -1)))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "2 of them return their input");
  }

  @Test
  void anExpertThatReturnsItsInputHasNoWeights() {
    assertThatThrownBy(() -> withIdentities(ExpertMap.of(0, 1, -1, 2, -1), 2, false))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "expert 3 has weights", "2");
    assertThatThrownBy(() -> withIdentities(ExpertMap.of(0, 1, 2, -1, -1), 6, false))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "6 of 5 experts");
    assertThatThrownBy(() -> withIdentities(ExpertMap.of(0, 1, 2, -1, -1), -1, false))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "-1");
    assertThatThrownBy(() -> withIdentities(ExpertMap.of(0, 1, 2, -1, -1), 2, true))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("layer 3", "router weight on the input");
  }

  /// A token may choose more experts than are here.
  @Test
  void topKCountsAllExpertsNotTheLocalOnes() {
    MoeLayer some =
        MoeLayer.of(3, softmax(5, H, 3), experts(5, H, I), null)
            .withExpertMap(ExpertMap.of(0, -1, -1, -1, -1));
    assertThat(some.topK()).isEqualTo(3);
  }
}
