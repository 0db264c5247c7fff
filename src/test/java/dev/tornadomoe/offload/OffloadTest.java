package dev.tornadomoe.offload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.modular.ExpertSide;
import dev.tornadomoe.modular.OffloadExperts;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.plan.explain.Explanation;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Layers divided between a device and the host, on the oracle, which has no device and computes
/// both parts.
class OffloadTest {
  private static final int TOKENS = 5;

  static Stream<LayerSpec> layers() {
    return Stream.of(
        LayerSpec.odd().withShared(24, true),
        LayerSpec.odd().withBiases(),
        LayerSpec.odd().withIdentities(2));
  }

  @ParameterizedTest
  @MethodSource("layers")
  void bothPartsAreTheWholeLayer(LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 3);
    float[] input = Rows.random(TOKENS * layer.hidden(), 7);
    float[] whole = run(options().build().plan(layer), input);
    int experts = layer.experts().local().size();
    for (int count = 0; count < experts; count++) {
      MoePlan plan = divided(layer, count).plan(options().outputAliasing(AliasMode.REQUIRE));
      MoePlan streamed =
          divided(layer, count)
              .prefill(PrefillStreaming.from(TOKENS))
              .plan(options().outputAliasing(AliasMode.REQUIRE));
      for (MoePlan each : List.of(plan, streamed)) {
        Rows.assertClose(
            run(each, input),
            IntStream.range(0, whole.length).mapToDouble(i -> whole[i]).toArray(),
            1e-6);
      }
    }
  }

  @Test
  void sidesSayWhereExpertsAreAndWhatToExpect() {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 3);
    int experts = layer.globalExperts();
    long[] counts = new long[experts];
    counts[2] = 60;
    counts[4] = 40;
    RouteStatistics statistics = RouteStatistics.of("stats.json", Map.of(layer.index(), counts));
    DevicePlacement placement = DevicePlacement.mostChosen(List.of(layer), statistics, 1);
    assertThat(placement.expertsOf(layer.index())).containsExactly(2);
    MoePlan plan = Offload.of(List.of(layer), placement, statistics).plan(options());
    List<ExpertSide> sides = plan.modularMoe(0).experts().sides(plan.layers().getFirst());
    assertThat(sides).extracting(ExpertSide::name).containsExactly("device", "host");
    assertThat(sides).extracting(ExpertSide::experts).containsExactly(1, experts - 1);
    assertThat(sides.getFirst().share()).isCloseTo(0.6, within(1e-9));
    assertThat(sides.getLast().share()).isCloseTo(0.4, within(1e-9));
    long expertBytes = layer.experts().local().getFirst().bytes();
    assertThat(sides.getFirst().weightBytes()).isEqualTo(expertBytes);
  }

  /// As many of each layer as of any other, or one more, where nothing is known.
  @Test
  void withoutStatisticsLayersGetAlikeMany() {
    List<MoeLayer> layers = List.of(indexed(0), indexed(1), indexed(2));
    DevicePlacement placement = DevicePlacement.mostChosen(layers, RouteStatistics.EVEN, 7);
    assertThat(placement.expertsOf(0)).containsExactly(0, 1, 2);
    assertThat(placement.expertsOf(1)).containsExactly(0, 1);
    assertThat(placement.expertsOf(2)).containsExactly(0, 1);
  }

  @Test
  void oneExpertStaysOnTheHost() {
    MoeLayer layer = indexed(4);
    DevicePlacement most =
        DevicePlacement.mostChosen(List.of(layer), RouteStatistics.EVEN, Integer.MAX_VALUE);
    assertThat(most.expertsOf(4)).hasSize(layer.globalExperts() - 1);
    List<Integer> all = IntStream.range(0, layer.globalExperts()).boxed().toList();
    assertThat(most.isAll(List.of(layer))).isFalse();
    assertThat(DevicePlacement.of(Map.of(4, all)).isAll(List.of(layer))).isTrue();
    assertThatThrownBy(() -> of(layer, all))
        .isInstanceOf(OffloadException.class)
        .hasMessageContaining("layer 4: all " + all.size() + " experts are placed on the device;");
  }

  @Test
  void placementsOfOtherExpertsAreRefused() {
    MoeLayer layer = indexed(4);
    int experts = layer.globalExperts();
    assertThatThrownBy(() -> of(layer, List.of(experts)))
        .isInstanceOf(OffloadException.class)
        .hasMessage(
            "layer 4: expert "
                + experts
                + " is placed on the device, expected 0 to "
                + (experts - 1));
    MoeLayer identities = RandomLayer.of(LayerSpec.odd().withIdentities(2), 3);
    int last = identities.globalExperts() - 1;
    assertThatThrownBy(() -> of(identities, List.of(last)))
        .isInstanceOf(OffloadException.class)
        .hasMessageContaining("expert " + last + " is placed on the device, but it has no weights");
    assertThatThrownBy(() ->
            Offload.of(List.of(layer, layer), DevicePlacement.of(Map.of()), RouteStatistics.EVEN))
        .isInstanceOf(OffloadException.class)
        .hasMessage("layer 4 is there twice");
  }

  @Test
  void statisticsOfAnotherModelAreRefused() {
    MoeLayer layer = indexed(4);
    RouteStatistics others = RouteStatistics.of("stats.json", Map.of(0, new long[] {1, 2}));
    assertThatThrownBy(() -> others.share(layer, 0))
        .isInstanceOf(OffloadException.class)
        .hasMessage(
            "stats.json: has no counts of layer 4, but of layers [0]: statistics of another"
                + " model?");
    RouteStatistics fewer = RouteStatistics.of("stats.json", Map.of(4, new long[] {1, 2}));
    assertThatThrownBy(() -> fewer.share(layer, 0))
        .isInstanceOf(OffloadException.class)
        .hasMessage(
            "stats.json: has counts of 2 experts for layer 4, which has "
                + layer.globalExperts()
                + ": statistics of another model?");
  }

  /// The host's experts go up in the time in which the CPU computes 8 pairs.
  @Test
  void measuredRatesDecideFromHowManyTokensOn() {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 3);
    int experts = layer.experts().local().size();
    long bytes = (experts - 2) * layer.experts().local().getFirst().bytes();
    PrefillStreaming.Rates rates = new PrefillStreaming.Rates(bytes / 8e-9, 1e-9);
    MoePlan plan =
        divided(layer, 2).prefill(PrefillStreaming.by(rates)).plan(options().maxTokens(64));
    OffloadExperts offload = (OffloadExperts) plan.modularMoe(0).experts();
    double hostPairs = layer.topK() * (1 - 2.0 / layer.globalExperts());
    int from = (int) Math.ceil(8 / hostPairs);
    assertThat(offload.remark().orElseThrow())
        .startsWith("prefill: from " + from + " tokens on the host's experts go through the device")
        .contains(", in which the CPU computes 8 of its pairs at 0.0 us each");
    assertThat(plan.buckets()).anyMatch(bucket -> bucket.minTokens() == from);
    assertThat(names(plan, from - 1)).doesNotContain("stream through device");
    assertThat(names(plan, from)).contains("stream through device", "await device");
    assertThat(Explanation.of(plan).text()).contains("prefill: from " + from + " tokens on");
    assertThatThrownBy(() -> PrefillStreaming.from(0))
        .isInstanceOf(OffloadException.class)
        .hasMessage("experts go through the device from 0 tokens on, expected 1 or more");
    assertThatThrownBy(
            () -> PrefillStreaming.measured(Backends.require("reference"), List.of(layer)))
        .isInstanceOf(OffloadException.class)
        .hasMessage("experts can't go through the device of backend \"reference\", which has none");
  }

  private static List<String> names(MoePlan plan, int tokens) {
    return plan.buckets().stream()
        .filter(bucket -> bucket.minTokens() <= tokens && tokens <= bucket.maxTokens())
        .flatMap(bucket -> bucket.steps().stream())
        .map(step -> step.operation().name())
        .toList();
  }

  @Test
  void theCpusRateIsMeasured() {
    assertThat(HostRate.secondsPerPair(RandomLayer.of(LayerSpec.odd(), 3))).isBetween(1e-12, 1.0);
  }

  /// A tail's norm is of the whole sum, which is here though not all experts are.
  @Test
  void tailsAreOfTheWholeSum() {
    MoePlan plan = divided(indexed(0), 2).plan(options().tail(Residual.GIVEN, new RmsNorm(1e-6f)));
    assertThat(plan.buckets()).isNotEmpty();
  }

  @Test
  void backendCpuHasNoDevice() {
    MoePlan plan = divided(indexed(0), 2).plan(options());
    assertThat(Backends.require("cpu").unsupported(plan)).hasSize(2);
    assertThatThrownBy(() -> Backends.require("cpu").prepare(plan))
        .isInstanceOf(BackendException.class)
        .hasMessage(
            "layer 0: step \"begin on device\" is for experts on a device, and backend cpu has"
                + " none; backend tornado runs it");
  }

  private static Offload of(MoeLayer layer, List<Integer> experts) {
    return Offload.of(
        List.of(layer), DevicePlacement.of(Map.of(layer.index(), experts)), RouteStatistics.EVEN);
  }

  private static Offload divided(MoeLayer layer, int count) {
    List<MoeLayer> layers = List.of(layer);
    return Offload.of(
        layers,
        DevicePlacement.mostChosen(layers, RouteStatistics.EVEN, count),
        RouteStatistics.EVEN);
  }

  static MoeLayer indexed(int index) {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 3);
    return MoeLayer.of(index, layer.router(), layer.experts(), layer.shared());
  }

  private static Planner.Builder options() {
    return Planner.builder().maxTokens(TOKENS);
  }

  private static float[] run(MoePlan plan, float[] input) {
    float[] output = new float[input.length];
    try (Session session = Backends.require("reference").prepare(plan)) {
      session.run(Rows.of(input), TOKENS, Rows.of(output));
    }
    return output;
  }
}
