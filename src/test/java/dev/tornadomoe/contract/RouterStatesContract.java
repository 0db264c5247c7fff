package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.modular.HybridExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/// Routers that are an MLP and hand their states on: from layer to layer by the caller, through all
/// layers by a whole step, and that each gets its own back.
public abstract class RouterStatesContract extends BackendContract {
  private static final int H = 96;
  private static final int R = 28;
  private static final int TOKENS = 6;

  private static final MoeLayer FIRST = layer(81, false);
  private static final MoeLayer SECOND = layer(82, true);
  private static final MoeLayer PLAIN = RandomLayer.of(LayerSpec.odd(), 83);

  /// A way to plan and to call.
  private record Way(String name, UnaryOperator<Planner.Builder> options) {}

  private static final Way IN_CHUNKS = new Way("in chunks", planner -> planner.chunkTokens(4));
  private static final Way SANITISED = new Way("sanitised", planner -> planner.sanitize(true));
  private static final List<Way> WAYS =
      List.of(
          new Way("as it is", planner -> planner),
          IN_CHUNKS,
          SANITISED,
          new Way("sanitised in chunks", planner -> planner.chunkTokens(4).sanitize(true)));

  /// @param goesOn whether it needs the states of the layer before
  private static MoeLayer layer(long seed, boolean goesOn) {
    LayerSpec spec =
        LayerSpec.odd()
            .with("states", TopKGating.softmax(2, false), true)
            .withIdentities(1)
            .withShared(24, true);
    MoeLayer plain = RandomLayer.of(spec, seed);
    Router router =
        RandomLayer.of(spec.sized(R, 40, 5, TopKGating.softmax(2, false)), seed).router();
    RouterMlp mlp = RandomLayer.routerMlp(H, R, goesOn, Activation.GELU, seed + 100);
    return new MoeLayer(
        plain.index(),
        plain.topK(),
        new Router(
            router.weight(),
            null,
            plain.router().correctionBias(),
            null,
            plain.router().gating(),
            mlp),
        plain.experts(),
        plain.shared(),
        false,
        1);
  }

  /// In narrow sweeps experts are grouped from two tokens on: a device compiles less.
  private MoePlan plan(Way way, boolean wholeStep) {
    Planner.Builder planner = Planner.builder().maxTokens(TOKENS).wholeStep(wholeStep);
    if (breadth() != Breadth.FULL) {
      planner.modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), new HybridExperts(1)));
    }
    return way.options().apply(planner).build().plan(List.of(FIRST, SECOND));
  }

  /// @param one for narrow sweeps
  private Stream<DynamicTest> withWays(Way one, Consumer<Way> test) {
    return (breadth() == Breadth.FULL ? WAYS : List.of(one))
        .stream().map(way -> DynamicTest.dynamicTest(way.name(), () -> test.accept(way)));
  }

  @TestFactory
  Stream<DynamicTest> theCallerCarriesThemFromLayerToLayer() {
    return withWays(SANITISED, this::eachLayerGoesOn);
  }

  private void eachLayerGoesOn(Way way) {
    try (Session session = backend().prepare(plan(way, false))) {
      for (int tokens : new int[] {1, TOKENS}) {
        float[] rows = Rows.random(tokens * H, 84);
        double[][] expectedStates = new double[tokens][R];
        float[] states = new float[tokens * R];
        Arrays.fill(states, Float.NaN); // the first layer reads none
        for (int layer = 0; layer < 2; layer++) {
          float[] output = new float[tokens * H];
          session.run(
              new MoeCall()
                  .layer(layer)
                  .hidden(Rows.of(rows), tokens)
                  .output(Rows.of(output))
                  .routerStates(Rows.of(states)));
          double[] expected =
              new NaiveMoe(layer == 0 ? FIRST : SECOND).run(rows, tokens, expectedStates);
          Rows.assertClose(output, expected, 1e-4);
          Rows.assertClose(states, flat(expectedStates), 1e-4);
        }
      }
    }
  }

  private static double[] flat(double[][] rows) {
    return Stream.of(rows).flatMapToDouble(Arrays::stream).toArray();
  }

  @TestFactory
  Stream<DynamicTest> aStepCarriesThemThroughItsLayers() {
    return withWays(IN_CHUNKS, this::aStepGoesOn);
  }

  private void aStepGoesOn(Way way) {
    MoePlan step = plan(way, true);
    assertThat(step.results(0)).contains(CallerRegion.ROUTER_STATES);
    assertThat(step.regionsRead(0)).doesNotContain(CallerRegion.ROUTER_STATES);
    try (Session all = backend().prepare(step);
        Session one = all.fork(plan(way, false))) {
      MemorySegment hidden = Rows.of(Rows.random(TOKENS * H, 85));
      float[] expected = new float[TOKENS * H];
      float[] expectedStates = new float[TOKENS * R];
      MoeCall inTurn =
          new MoeCall()
              .hidden(hidden, TOKENS)
              .output(Rows.of(expected))
              .routerStates(Rows.of(expectedStates));
      one.run(inTurn);
      one.run(inTurn.layer(1));
      float[] output = new float[TOKENS * H];
      float[] states = new float[TOKENS * R];
      all.run(
          new MoeCall()
              .hidden(hidden, TOKENS)
              .output(Rows.of(output))
              .routerStates(Rows.of(states)));
      assertThat(Rows.bits(output)).isEqualTo(Rows.bits(expected));
      assertThat(Rows.bits(states)).isEqualTo(Rows.bits(expectedStates));
    }
  }

  @Test
  void warmUpBringsStatesOfItsOwn() {
    try (Session session = backend().prepare(plan(WAYS.getFirst(), true))) {
      session.warmUp();
    }
  }

  @Test
  void aCallerThatRoutesBringsNone() {
    MoePlan plan = Planner.builder().maxTokens(1).callerRoutes(true).build().plan(SECOND);
    assertThat(plan.results(0)).doesNotContain(CallerRegion.ROUTER_STATES);
    assertThat(plan.regionsRead(0)).doesNotContain(CallerRegion.ROUTER_STATES);
    try (Session session = backend().prepare(plan)) {
      float[] hidden = Rows.random(H, 86);
      float[] output = new float[H];
      int[] ids = {4, 5};
      float[] weights = {0.5f, -1};
      session.run(
          new MoeCall()
              .hidden(Rows.of(hidden), 1)
              .output(Rows.of(output))
              .routing(Rows.of(ids), Rows.of(weights)));
      Rows.assertClose(output, new NaiveMoe(SECOND).run(hidden, 1, ids, weights), 1e-4);
    }
  }

  @Test
  void refusesCallsWithoutThem() {
    Planner.Builder planner = Planner.builder().maxTokens(1);
    try (Session session = backend().prepare(planner.build().plan(SECOND))) {
      refuses(session, call(1), "the call has no router_states");
      refuses(
          session,
          call(1).routerStates(Rows.of(new float[2 * R])),
          "router_states has 224 bytes, expected 112");
      refuses(
          session,
          call(1).routerStates(Rows.of(new float[R]).asReadOnly()),
          "router_states is read-only");
      MoeCall overlapping = call(1);
      refuses(
          session,
          overlapping.routerStates(overlapping.output().asSlice(0, R * 4)),
          "OVERLAPS_RESULT");
      session.run(call(0).routerStates(Rows.of(new float[0])));
    }
    assertThatThrownBy(() -> planner.wholeStep(true).build().plan(List.of(FIRST, PLAIN)))
        .isInstanceOf(MoeException.class)
        .hasMessageContaining("router states of 0, expected 28 as in layer 3");
  }

  /// A layer that hands none on takes a call that brings some for others.
  @Test
  void othersTakeThemAllTheSame() {
    try (Session session = backend().prepare(Planner.builder().maxTokens(1).build().plan(PLAIN))) {
      session.run(call(1).routerStates(Rows.of(new float[R])));
    }
  }

  private static MoeCall call(int tokens) {
    return new MoeCall()
        .hidden(Rows.of(new float[tokens * H]), tokens)
        .output(Rows.of(new float[tokens * H]));
  }

  private static void refuses(Session session, MoeCall call, String sentence) {
    assertThatThrownBy(() -> session.run(call))
        .isInstanceOf(MoeException.class)
        .hasMessageContaining(sentence);
  }
}
