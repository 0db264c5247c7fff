package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/// What routers ask of each token beside its hidden states: that experts are chosen by it, and what
/// calls are refused.
public abstract class TokenKeyContract extends BackendContract {
  private static final int H = 96;
  private static final int E = 5;
  private static final int TOP_K = 3;
  private static final int VOCABULARY = 11;

  private static final TopKGating ROOTS =
      new TopKGating(TOP_K, TopKGating.Scoring.SQRT_SOFTPLUS, null, true, 1.5f);

  private static final TopKGating SIGMOIDS =
      new TopKGating(TOP_K, TopKGating.Scoring.SIGMOID, null, true, 1).withNorm(2);

  private static final MoeLayer LAYER = layer(table(DType.I64), ROOTS);
  private static final MoeLayer SELECTING = RandomLayer.of(LayerSpec.odd(), 72);

  /// A way to plan and to call.
  private record Way(String name, boolean isNarrow, UnaryOperator<Planner.Builder> options) {}

  private static final List<Way> WAYS =
      List.of(
          new Way("as it is", true, planner -> planner),
          new Way("in chunks", true, planner -> planner.chunkTokens(2)),
          new Way("in place", false, planner -> planner.inPlace(true)),
          new Way("hidden BF16", false, planner -> planner.hiddenType(DType.BF16)),
          new Way("sanitised", true, planner -> planner.sanitize(true)));

  private static MoeLayer layer(TensorView table, TopKGating scores) {
    return RandomLayer.of(
        LayerSpec.odd().withShared(24, true).with("table", new TableGating(table, scores), false),
        71);
  }

  /// Each token id's experts at random.
  private static TensorView table(DType type) {
    Random random = new Random(73);
    int[] experts = new int[VOCABULARY * TOP_K];
    for (int token = 0; token < VOCABULARY; token++) {
      int first = random.nextInt(E);
      int step = 1 + random.nextInt(E - 1);
      for (int slot = 0; slot < TOP_K; slot++) {
        experts[token * TOP_K + slot] = (first + slot * step) % E;
      }
    }
    return table(type, experts);
  }

  private static TensorView table(DType type, int[] experts) {
    MemorySegment data =
        type == DType.I32
            ? MemorySegment.ofArray(experts)
            : MemorySegment.ofArray(Arrays.stream(experts).asLongStream().toArray());
    return new TensorView("tid2eid", type, Shape.of(experts.length / TOP_K, TOP_K), data);
  }

  private static int[] ids(int tokens, long seed) {
    return new Random(seed).ints(tokens, 0, VOCABULARY).toArray();
  }

  @TestFactory
  Stream<DynamicTest> expertsAreThoseOfTheTable() {
    return WAYS.stream()
        .filter(way -> breadth() == Breadth.FULL || way.isNarrow())
        .flatMap(way ->
            Stream.of(LAYER, layer(table(DType.I32), SIGMOIDS))
                .map(layer ->
                    DynamicTest.dynamicTest(
                        way.name() + ", " + layer.router().gating(),
                        () -> expertsAreThoseOfTheTable(way, layer))));
  }

  private void expertsAreThoseOfTheTable(Way way, MoeLayer layer) {
    MoePlan plan = way.options().apply(Planner.builder().maxTokens(6)).build().plan(layer);
    try (Session session = backend().prepare(plan)) {
      for (int tokens : new int[] {1, 6}) {
        float[] rows = exact(plan, Rows.random(tokens * H, 74));
        int[] ids = ids(tokens, 75);
        MemorySegment hidden = segment(plan, rows);
        MemorySegment output =
            plan.options().call().inPlace() ? hidden : Rows.of(new float[tokens * H]);
        session.run(new MoeCall().hidden(hidden, tokens).output(output).tokenIds(Rows.of(ids)));
        Rows.assertClose(
            ResultRows.dense(plan, output), new NaiveMoe(layer).run(rows, tokens, ids), 1e-4);
      }
    }
  }

  /// Rows that BF16 holds where they have that type.
  private static float[] exact(MoePlan plan, float[] rows) {
    if (plan.options().call().hiddenType() == DType.BF16) {
      for (int i = 0; i < rows.length; i++) {
        rows[i] = Float.intBitsToFloat(Float.floatToIntBits(rows[i]) & 0xFFFF0000);
      }
    }
    return rows;
  }

  private static MemorySegment segment(MoePlan plan, float[] rows) {
    if (plan.options().call().hiddenType() == DType.F32) {
      return Rows.of(rows.clone());
    }
    short[] bits = new short[rows.length];
    for (int i = 0; i < rows.length; i++) {
      bits[i] = (short) (Float.floatToIntBits(rows[i]) >>> 16);
    }
    return MemorySegment.ofArray(bits);
  }

  /// One of the layers has no use for them.
  @Test
  void aStepBringsThemForAllItsLayers() {
    List<MoeLayer> layers = List.of(SELECTING, LAYER);
    MoePlan step = Planner.builder().maxTokens(2).wholeStep(true).build().plan(layers);
    MoePlan each = Planner.builder().maxTokens(2).build().plan(layers);
    assertThat(step.inputs(0)).contains(CallerRegion.TOKEN_IDS);
    assertThat(each.inputs(0)).doesNotContain(CallerRegion.TOKEN_IDS);
    assertThat(each.inputs(1)).contains(CallerRegion.TOKEN_IDS);
    try (Session all = backend().prepare(step);
        Session one = all.fork(each)) {
      MemorySegment hidden = Rows.of(Rows.random(2 * H, 76));
      MemorySegment ids = Rows.of(ids(2, 77));
      float[] expected = new float[2 * H];
      MoeCall inTurn = new MoeCall().hidden(hidden, 2).output(Rows.of(expected)).tokenIds(ids);
      one.run(inTurn);
      one.run(inTurn.layer(1));
      float[] output = new float[2 * H];
      all.run(new MoeCall().hidden(hidden, 2).output(Rows.of(output)).tokenIds(ids));
      assertThat(Rows.bits(output)).isEqualTo(Rows.bits(expected));
      all.warmUp();
      refuses(all, call(1), "the call has no token_ids", "a layer of the plan");
    }
  }

  @Test
  void aCallerThatRoutesBringsNone() {
    MoePlan plan = Planner.builder().maxTokens(1).callerRoutes(true).build().plan(LAYER);
    assertThat(plan.inputs(0)).doesNotContain(CallerRegion.TOKEN_IDS);
    try (Session session = backend().prepare(plan)) {
      float[] hidden = Rows.random(H, 78);
      float[] output = new float[H];
      int[] ids = {4, 0, 2};
      float[] weights = {0.5f, -1, 2};
      session.run(
          new MoeCall()
              .hidden(Rows.of(hidden), 1)
              .output(Rows.of(output))
              .routing(Rows.of(ids), Rows.of(weights)));
      Rows.assertClose(output, new NaiveMoe(LAYER).run(hidden, 1, ids, weights), 1e-4);
    }
  }

  @Test
  void refusesCallsWithoutAnIdOfEachToken() {
    try (Session session = backend().prepare(Planner.builder().maxTokens(3).build().plan(LAYER))) {
      refuses(session, call(2), "the call has no token_ids", "layer 3 chooses experts");
      refuses(session, call(2, 1), "token_ids has 4 bytes, expected 8");
      refuses(session, call(2, 1, 2, 3), "token_ids has 12 bytes, expected 8");
      refuses(session, call(2, 0, 11), "token_ids has 11 for token 1, expected 0 to 10", "layer 3");
      refuses(session, call(2, -1, 4), "token_ids has -1 for token 0, expected 0 to 10");
      MoeCall overlapping = call(2, 0, 0);
      refuses(
          session,
          overlapping.tokenIds(overlapping.output().asSlice(0, 8)),
          "OVERLAPS_INPUT: output overlaps token_ids");
      session.run(call(2, 0, 10));
      session.run(call(0));
    }
  }

  private static MoeCall call(int tokens, int... ids) {
    MoeCall call =
        new MoeCall()
            .hidden(Rows.of(new float[tokens * H]), tokens)
            .output(Rows.of(new float[tokens * H]));
    return tokens > 0 && ids.length == 0 ? call : call.tokenIds(Rows.of(ids));
  }

  private static void refuses(Session session, MoeCall call, String... words) {
    assertThatThrownBy(() -> session.run(call))
        .isInstanceOf(MoeException.class)
        .hasMessageContainingAll(words);
  }

  /// A layer that needs none takes a call that brings them for others.
  @Test
  void othersTakeThemAllTheSame() {
    try (Session session =
        backend().prepare(Planner.builder().maxTokens(1).build().plan(SELECTING))) {
      session.run(call(1, 99));
    }
  }

  @Test
  void refusesTablesOfExpertsThatAreNotThere() {
    refusesTable(new int[] {0, 1, 2, 0, 5, 1}, "token id 1 to expert 5, which is no expert");
    refusesTable(new int[] {0, 1, -1}, "token id 0 to expert -1, which is no expert");
    refusesTable(new int[] {0, 1, 2, 3, 4, 3}, "token id 1 to expert 3, which is there twice");
  }

  private void refusesTable(int[] experts, String sentence) {
    MoePlan plan =
        Planner.builder().maxTokens(1).build().plan(layer(table(DType.I64, experts), ROOTS));
    assertThatThrownBy(() -> backend().prepare(plan))
        .isInstanceOf(MoeException.class)
        .hasMessageContaining("router tensor \"tid2eid\" sends " + sentence)
        .hasMessageContaining("expected distinct ones from 0 to 4");
  }
}
