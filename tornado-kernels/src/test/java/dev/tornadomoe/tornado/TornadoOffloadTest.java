package dev.tornadomoe.tornado;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.CallInterruptedException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.modular.OffloadExperts;
import dev.tornadomoe.offload.DevicePlacement;
import dev.tornadomoe.offload.Offload;
import dev.tornadomoe.offload.OffloadBudget;
import dev.tornadomoe.offload.OffloadException;
import dev.tornadomoe.offload.PrefillStreaming;
import dev.tornadomoe.offload.RouteStatistics;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Layers with some experts on a device, against all of them on the host.
class TornadoOffloadTest {
  private static final int MOST_TOKENS = 6;
  private static final double TOLERANCE = 2e-5;
  private static final Path GOLDEN = Path.of("../src/test/resources/golden");
  private static final boolean IS_FULL = Breadth.askedOr(Breadth.NARROW) == Breadth.FULL;

  private static final LayerSpec INT4 =
      LayerSpec.odd().with(WeightFormat.int4(DType.BF16, 32, true, false)).withShared(24, true);

  private final Backend tornado = Backends.require("tornado");

  static Stream<LayerSpec> layers() {
    return Stream.of(
        INT4,
        LayerSpec.odd().withBiases(),
        LayerSpec.odd().withIdentities(2),
        LayerSpec.odd().sized(64, 48, 4, TopKGating.softmax(1, false)).withWeightOnInput());
  }

  /// None, one, half and all but one on the device; half of other layers than the first.
  @ParameterizedTest
  @MethodSource("layers")
  void anyPlacementComputesTheWholeLayer(LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 3);
    int experts = layer.experts().local().size();
    int[] all = {0, 1, experts / 2, experts - 1};
    for (int count : IS_FULL || spec.equals(INT4) ? all : new int[] {experts / 2}) {
      try (Session session = tornado.prepare(plan(layer, count, options()))) {
        for (int tokens : new int[] {1, MOST_TOKENS}) {
          float[] input = Rows.random(tokens * layer.hidden(), 50 + tokens);
          float[] first = run(session, input, layer.hidden());
          Rows.assertClose(first, alone(layer, input), TOLERANCE);
          assertThat(run(session, input, layer.hidden())).isEqualTo(first);
        }
      }
    }
  }

  /// With few tokens the CPU computes them, with more they go through a window of four experts, in
  /// pieces of two; the last of an odd number of them is smaller.
  @ParameterizedTest
  @MethodSource("layers")
  void expertsThatGoThroughTheDeviceComputeTheWholeLayer(LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 3);
    int experts = layer.experts().local().size();
    int[] all = {0, 1, experts / 2, experts - 1};
    for (int count : IS_FULL || spec.equals(INT4) ? all : new int[] {1}) {
      Offload offload = offload(layer, count).prefill(streaming(layer, 4));
      try (Session session = tornado.prepare(offload.plan(options()))) {
        for (int tokens : new int[] {1, MOST_TOKENS, 3}) {
          float[] input = Rows.random(tokens * layer.hidden(), 50 + tokens);
          float[] first = run(session, input, layer.hidden());
          Rows.assertClose(first, alone(layer, input), TOLERANCE);
          assertThat(run(session, input, layer.hidden())).isEqualTo(first);
        }
      }
    }
  }

  private static PrefillStreaming streaming(MoeLayer layer, int windowExperts) {
    return PrefillStreaming.from(3)
        .within(windowExperts * layer.experts().local().getFirst().bytes());
  }

  /// Two layers of one kind share a window, in which the second one's experts are fewer; a third of
  /// another format has its own.
  @Test
  void layersOfAKindShareAWindow() {
    List<MoeLayer> layers =
        List.of(
            indexed(0, RandomLayer.of(INT4, 3)),
            indexed(1, RandomLayer.of(INT4, 4)),
            indexed(2, RandomLayer.of(LayerSpec.odd().withBiases(), 5)));
    DevicePlacement placement =
        DevicePlacement.of(Map.of(0, List.of(1), 1, List.of(0, 2), 2, List.of(3)));
    MoePlan plan =
        Offload.of(layers, placement, RouteStatistics.EVEN)
            .prefill(PrefillStreaming.from(2))
            .plan(options());
    try (Session session = tornado.prepare(plan);
        Session fork = session.fork(plan)) {
      for (int index : new int[] {0, 1, 2, 1, 0}) {
        float[] input = Rows.random(MOST_TOKENS * layers.get(index).hidden(), 9 + index);
        float[] output = new float[input.length];
        for (Session each : List.of(session, fork)) {
          each.run(
              new MoeCall()
                  .layer(index)
                  .hidden(Rows.of(input), MOST_TOKENS)
                  .output(Rows.of(output)));
          Rows.assertClose(output, alone(layers.get(index), input), TOLERANCE);
        }
      }
    }
  }

  /// A budget holds with what is kept free for weights on their way, which is less than all of
  /// them.
  @Test
  void aWindowCountsInTheBudget() {
    List<MoeLayer> layers = List.of(RandomLayer.of(INT4, 3));
    long whole =
        tornado.memory(tornado.planner(layers).maxTokens(4).build().plan(layers)).total().device();
    long budget = 3 * whole / 4;
    MoePlan divided =
        budget(budget, 1)
            .prefill(PrefillStreaming.from(2))
            .plan(layers, RouteStatistics.EVEN, Planner.builder().maxTokens(4));
    OffloadExperts experts = (OffloadExperts) divided.modularMoe(0).experts();
    assertThat(experts.streaming()).isNotNull();
    SessionMemory streamed = tornado.memory(divided);
    assertThat(streamed.total().device()).isPositive().isLessThanOrEqualTo(budget);
    MoePlan alone =
        Offload.of(layers, placed(divided), RouteStatistics.EVEN)
            .plan(Planner.builder().maxTokens(4));
    assertThat(streamed.total().device()).isGreaterThan(tornado.memory(alone).total().device());
    assertThat(streamed.total().host()).isGreaterThan(tornado.memory(alone).total().host());
  }

  /// The experts that a plan of one layer has on the device.
  private static DevicePlacement placed(MoePlan plan) {
    OffloadExperts experts = (OffloadExperts) plan.modularMoe(0).experts();
    MoeLayer there = requireNonNull(experts.device()).layer();
    return DevicePlacement.of(
        Map.of(
            there.index(),
            IntStream.range(0, there.globalExperts())
                .filter(expert -> there.experts().map().localOf(expert) >= 0)
                .boxed()
                .toList()));
  }

  @Test
  void uploadsAreMeasured() {
    assertThat(tornado.uploadBytesPerSecond().orElseThrow()).isPositive();
  }

  private static MoeLayer indexed(int index, MoeLayer layer) {
    return MoeLayer.of(index, layer.router(), layer.experts(), layer.shared());
  }

  static Stream<String> checkpoints() {
    return IS_FULL
        ? Stream.of("hf/mixtral", "hf/deepseek_v2", "hf/gpt_oss", "hf/qwen3_moe")
        : Stream.of("hf/deepseek_v2", "hf/gpt_oss");
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void goldenCheckpoints(String name) {
    Path directory = GOLDEN.resolve(name);
    try (Checkpoint checkpoint = Checkpoint.open(directory);
        TensorFile golden = TensorFile.open(directory.resolve("golden.safetensors"))) {
      MoeModel model = MoeModel.of(checkpoint);
      int index = model.layerIndices().getFirst();
      MoeLayer layer = model.layer(index);
      String prefix = "layer" + index + "/m";
      List<Integer> tokenCounts =
          golden.names().stream()
              .filter(tensor -> tensor.startsWith(prefix) && tensor.endsWith("/input"))
              .map(tensor -> tensor.substring(prefix.length(), tensor.indexOf("/input")))
              .map(Integer::valueOf)
              .toList();
      assertThat(tokenCounts).isNotEmpty();
      int most = tokenCounts.stream().mapToInt(m -> m).max().orElseThrow();
      int half = layer.experts().local().size() / 2;
      Offload divided = offload(layer, half);
      Offload streamed = divided.prefill(streaming(layer, 2));
      for (MoePlan plan :
          List.of(
              divided.plan(options().maxTokens(most).outputAliasing(AliasMode.REQUIRE)),
              divided.plan(options().maxTokens(most).outputAliasing(AliasMode.OFF)),
              streamed.plan(options().maxTokens(most).outputAliasing(AliasMode.REQUIRE)),
              streamed.plan(options().maxTokens(most).outputAliasing(AliasMode.OFF)))) {
        try (Session session = tornado.prepare(plan)) {
          for (int tokens : tokenCounts) {
            float[] input = golden.require(prefix + tokens + "/input").toFloats();
            float[] expected = golden.require(prefix + tokens + "/output").toFloats();
            Rows.assertClose(
                run(session, input, layer.hidden()),
                IntStream.range(0, expected.length).mapToDouble(i -> expected[i]).toArray(),
                TOLERANCE);
          }
        }
      }
    }
  }

  @Test
  void everyRunIsAudited() {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    float[] input = Rows.random(5 * layer.hidden(), 6);
    Offload divided = offload(layer, 3);
    for (Offload offload : List.of(divided, divided.prefill(streaming(layer, 2)))) {
      try (Session session = tornado.prepare(offload.plan(options().sanitize(true)))) {
        Rows.assertClose(run(session, input, layer.hidden()), alone(layer, input), TOLERANCE);
      }
    }
  }

  /// Layers with different placements share one device session, and one has nothing there.
  @Test
  void layersOfAStepMayDifferInWhatIsOnTheDevice() {
    List<MoeLayer> layers =
        IntStream.range(0, 3).mapToObj(i -> indexed(i, RandomLayer.of(INT4, 3))).toList();
    DevicePlacement placement = DevicePlacement.of(Map.of(0, List.of(1, 4), 2, List.of(0)));
    MoePlan plan =
        Offload.of(layers, placement, RouteStatistics.EVEN)
            .plan(options().wholeStep(true).residual(Residual.NONE));
    float[] input = Rows.random(2 * layers.getFirst().hidden(), 9);
    float[] expected = new float[input.length];
    try (Session session =
        Backends.require("reference").prepare(options().wholeStep(true).build().plan(layers))) {
      session.run(Rows.of(input), 2, Rows.of(expected));
    }
    try (Session session = tornado.prepare(plan)) {
      Rows.assertClose(
          run(session, input, layers.getFirst().hidden()),
          IntStream.range(0, expected.length).mapToDouble(i -> expected[i]).toArray(),
          TOLERANCE);
    }
  }

  /// A fork has its own device session; the plan of other experts there has other weights.
  @Test
  void forksComputeTheSame() {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    float[] input = Rows.random(2 * layer.hidden(), 6);
    try (Session session = tornado.prepare(plan(layer, 2, options()));
        Session fork = session.fork(plan(layer, 2, options().outputAliasing(AliasMode.OFF)))) {
      assertThat(run(fork, input, layer.hidden())).isEqualTo(run(session, input, layer.hidden()));
      MoePlan hostAlone = Planner.builder().build().plan(session.plan().layers());
      assertThatThrownBy(() -> session.fork(hostAlone))
          .isInstanceOf(BackendException.class)
          .hasMessage(
              "a session can be forked only for a plan with the same experts on the device");
    }
  }

  /// The flag is set before the call, which ends at its first step.
  @Test
  void anInterruptedCallLeavesTheSessionAsItWas() {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    float[] input = Rows.random(2 * layer.hidden(), 6);
    try (Session session = tornado.prepare(plan(layer, 2, options()))) {
      float[] before = run(session, input, layer.hidden());
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> run(session, input, layer.hidden()))
          .isInstanceOf(CallInterruptedException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(run(session, input, layer.hidden())).isEqualTo(before);
    }
  }

  @Test
  void aBudgetIsKept() {
    List<MoeLayer> layers = List.of(RandomLayer.of(INT4, 3));
    long whole =
        tornado.memory(tornado.planner(layers).maxTokens(1).build().plan(layers)).total().device();

    MoePlan fits = plan(whole, 1, layers);
    assertThat(Offload.divides(fits)).isFalse();
    MoePlan divided = plan(whole / 2, 1, layers);
    assertThat(Offload.divides(divided)).isTrue();
    long taken = tornado.memory(divided).total().device();
    assertThat(taken).isPositive().isLessThanOrEqualTo(whole / 2);
    long most = 3 * whole / 4;
    MoePlan twice = plan(most, 2, layers);
    assertThat(2 * tornado.memory(twice).total().device()).isLessThanOrEqualTo(most);
    assertThatThrownBy(() -> plan(100, 1, layers))
        .isInstanceOf(OffloadException.class)
        .hasMessageStartingWith(
            "a budget of 100 B on the device is too small: the rows of a call and a single expert"
                + " take ");
    assertThatThrownBy(() -> budget(taken - 1, 1).require(divided))
        .isInstanceOf(OffloadException.class)
        .hasMessageContaining("is too small: the experts that the placement puts there take ");
  }

  private MoePlan plan(long bytes, int sessions, List<MoeLayer> layers) {
    return budget(bytes, sessions)
        .plan(layers, RouteStatistics.EVEN, Planner.builder().maxTokens(1));
  }

  private OffloadBudget budget(long bytes, int sessions) {
    return new OffloadBudget(tornado, bytes, sessions);
  }

  private static Planner.Builder options() {
    return Planner.builder().maxTokens(MOST_TOKENS);
  }

  private static MoePlan plan(MoeLayer layer, int count, Planner.Builder options) {
    return offload(layer, count).plan(options);
  }

  private static Offload offload(MoeLayer layer, int count) {
    List<MoeLayer> layers = List.of(layer);
    return Offload.of(
        layers,
        DevicePlacement.mostChosen(layers, RouteStatistics.EVEN, count),
        RouteStatistics.EVEN);
  }

  private static double[] alone(MoeLayer layer, float[] hidden) {
    int tokens = hidden.length / layer.hidden();
    float[] output = new float[hidden.length];
    try (Session session =
        Backends.require("reference")
            .prepare(Planner.builder().maxTokens(tokens).build().plan(layer))) {
      session.run(Rows.of(hidden), tokens, Rows.of(output));
    }
    return IntStream.range(0, output.length).mapToDouble(i -> output[i]).toArray();
  }

  private static float[] run(Session session, float[] hidden, int width) {
    float[] output = new float[hidden.length];
    session.run(
        MemorySegment.ofArray(hidden), hidden.length / width, MemorySegment.ofArray(output));
    return output;
  }
}
