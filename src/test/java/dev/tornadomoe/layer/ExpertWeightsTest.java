package dev.tornadomoe.layer;

import static dev.tornadomoe.layer.LayerParts.experts;
import static dev.tornadomoe.layer.LayerParts.mlp;
import static dev.tornadomoe.layer.LayerParts.mlps;
import static dev.tornadomoe.layer.LayerParts.plain;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ExpertWeightsTest {
  @Test
  void tellsItsSizes() {
    ExpertWeights experts = experts(5, 6, 4);
    assertThat(experts.hidden()).isEqualTo(6);
    assertThat(experts.intermediate()).isEqualTo(4);
    assertThat(experts.isGated()).isTrue();
    assertThat(experts.map().globalExperts()).isEqualTo(5);
    assertThat(experts.formats()).containsExactly(WeightFormat.dense(DType.BF16));
  }

  @Test
  void listsEachFormatOnce() {
    Weight down = Weight.dense(HeapTensors.f32("down", Shape.of(6, 4), new float[24]));
    Mlp mixed = Mlp.gated(LayerParts.weight("g", 4, 6), LayerParts.weight("u", 4, 6), down);
    assertThat(ExpertWeights.of(List.of(mixed, mixed), Activation.SILU).formats())
        .containsExactly(WeightFormat.dense(DType.BF16), WeightFormat.dense(DType.F32));
  }

  @Test
  void keepsACopyOfTheList() {
    List<Mlp> list = new ArrayList<>(mlps(2, 6, 4));
    ExpertWeights experts = ExpertWeights.of(list, Activation.SILU);
    list.clear();
    assertThat(experts.local()).hasSize(2);
  }

  @Test
  void refusesALayerWithoutExperts() {
    assertThatThrownBy(() -> ExpertWeights.of(List.of(), Activation.SILU))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining("at least one expert");
    ExpertWeights all = experts(2, 6, 4);
    assertThatThrownBy(() -> all.restrictedTo(ExpertMap.of(-1, -1)))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining("at least one expert");
  }

  @Test
  void refusesExpertsThatDiffer() {
    assertRefused(List.of(mlp(6, 4), mlp(6, 5)), "expert 1", "I 5", "I 4");
    assertRefused(List.of(mlp(6, 4), mlp(6, 4), mlp(7, 4)), "expert 2", "H 7", "H 6");
    assertRefused(List.of(mlp(6, 4), plain(6, 4)), "expert 1", "gated");
  }

  /// Old GPTQ files have biases, and not for every expert.
  @Test
  void expertsMayDifferInTheirBiases() {
    Mlp bare = mlp(6, 4);
    Mlp biased = new Mlp(bare.gate(), bare.up(), bare.down(), null, null, LayerParts.bias("b", 6));
    assertThat(ExpertWeights.of(List.of(bare, biased), Activation.SILU).local())
        .containsExactly(bare, biased);
  }

  @Test
  void refusesAMapForAnotherNumberOfExperts() {
    assertThatThrownBy(
            () -> new ExpertWeights(mlps(3, 6, 4), ExpertMap.of(0, 1, -1, -1), Activation.SILU))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("2 local", "3");
  }

  @Test
  void refusesAnActivationThatNeedsAGate() {
    List<Mlp> plain = List.of(plain(6, 4));
    assertThat(ExpertWeights.of(plain, Activation.RELU_SQUARED).isGated()).isFalse();
    assertThatThrownBy(() -> ExpertWeights.of(plain, Activation.swigluOai(7)))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("SWIGLU_OAI", "gated");
  }

  @Test
  void keepsTheExpertsThatAMapLeavesInItsOrder() {
    List<Mlp> all = mlps(4, 6, 4);
    ExpertWeights some =
        ExpertWeights.of(all, Activation.SILU).restrictedTo(ExpertMap.of(-1, 1, -1, 0));
    assertThat(some.local()).hasSize(2);
    assertThat(some.local().get(0)).isSameAs(all.get(3));
    assertThat(some.local().get(1)).isSameAs(all.get(1));
    assertThat(some.map().globalExperts()).isEqualTo(4);
  }

  @Test
  void refusesMapsForOtherExperts() {
    ExpertWeights all = experts(4, 6, 4);
    assertThatThrownBy(() -> all.restrictedTo(ExpertMap.of(0, -1, 1)))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("3 experts", "all 4");
    ExpertWeights some = all.restrictedTo(ExpertMap.of(0, -1, -1, 1));
    assertThatThrownBy(() -> some.restrictedTo(ExpertMap.of(-1, 0, -1, -1)))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining("2 of 4");
  }

  private static void assertRefused(List<Mlp> experts, String... says) {
    assertThatThrownBy(() -> ExpertWeights.of(experts, Activation.SILU))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll(says);
  }
}
