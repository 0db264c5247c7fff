package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.SanitizeException;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.OutputForm;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/// The ends of a layer that go on: rows that the caller sums, and the next norm's rows, compared
/// with plain loops.
public abstract class TailContract extends BackendContract {
  private static final int H = 96;
  private static final int TOP_K = 3;
  private static final double TOLERANCE = 1e-4;
  private static final double SHORT_TOLERANCE = 3e-2;

  /// Much beside the mean square, so that it shows.
  private static final RmsNorm NORM = new RmsNorm(0.25f);

  private static final MoeLayer LAYER =
      RandomLayer.of(
          LayerSpec.odd().with(WeightFormat.int4(DType.F16, 32, true, false)).withBiases(), 61);
  private static final MoeLayer SHARED = RandomLayer.of(LayerSpec.odd().withShared(24, true), 62);

  /// A way to plan and to call.
  private record Way(String name, boolean isNarrow, UnaryOperator<Planner.Builder> options) {}

  private static final List<Way> WAYS =
      List.of(
          new Way("as it is", true, planner -> planner),
          new Way("unaliased", true, planner -> planner.outputAliasing(AliasMode.OFF)),
          new Way("nothing folded", false, planner -> planner.foldAdditions(false)),
          new Way("in chunks", true, planner -> planner.chunkTokens(2)),
          new Way("output BF16", true, planner -> planner.outputType(DType.BF16)),
          new Way("strided", false, planner -> planner.outputStride(H + 5)),
          new Way("sanitised", true, planner -> planner.sanitize(true)),
          new Way(
              "sanitised, in chunks, BF16",
              false,
              planner -> planner.sanitize(true).chunkTokens(2).outputType(DType.BF16)));

  private List<Way> ways() {
    return WAYS.stream().filter(way -> breadth() == Breadth.FULL || way.isNarrow()).toList();
  }

  private int[] counts() {
    return breadth() == Breadth.FULL ? new int[] {1, 5} : new int[] {5};
  }

  @TestFactory
  Stream<DynamicTest> deferredRowsAreTheExpertsOwn() {
    return ways().stream()
        .flatMap(way ->
            Stream.of(true, false)
                .map(callerRoutes ->
                    DynamicTest.dynamicTest(
                        way.name() + (callerRoutes ? ", caller routes" : ""),
                        () -> deferredRowsAreTheExpertsOwn(way, callerRoutes))));
  }

  private void deferredRowsAreTheExpertsOwn(Way way, boolean callerRoutes) {
    Planner.Builder planner =
        way.options().apply(Planner.builder().maxTokens(5).output(OutputForm.DEFERRED));
    MoePlan plan = (callerRoutes ? planner.callerRoutes(true) : planner).build().plan(LAYER);
    try (Session session = backend().prepare(plan)) {
      for (int tokens : counts()) {
        float[] hidden = Rows.random(tokens * H, 63);
        int[] ids = callerRoutes ? ids(tokens) : new int[tokens * TOP_K];
        float[] weights = Rows.random(tokens * TOP_K, 64);
        MemorySegment output = ResultRows.output(plan, tokens * TOP_K);
        session.run(
            new MoeCall()
                .hidden(Rows.of(hidden), tokens)
                .output(output)
                .routing(Rows.of(ids), Rows.of(weights)));

        NaiveMoe naive = new NaiveMoe(LAYER);
        float[] rows = ResultRows.floats(plan, output, tokens * TOP_K);
        double[] summed = new double[tokens * H];
        for (int slot = 0; slot < TOP_K; slot++) {
          float[] one = new float[tokens * TOP_K];
          float[] found = new float[tokens * H];
          for (int t = 0; t < tokens; t++) {
            one[t * TOP_K + slot] = 1;
            for (int i = 0; i < H; i++) {
              found[t * H + i] = rows[(t * TOP_K + slot) * H + i];
              summed[t * H + i] += weights[t * TOP_K + slot] * (double) found[t * H + i];
            }
          }
          Rows.assertClose(found, naive.run(hidden, tokens, ids, one), tolerance(plan));
        }
        // What the caller makes of it is the layer.
        double[] layer =
            callerRoutes ? naive.run(hidden, tokens, ids, weights) : naive.run(hidden, tokens);
        Rows.assertClose(floats(summed), layer, tolerance(plan));
      }
    }
  }

  @Test
  void deferredRowsAreCopiedOnlyWithoutAlias() {
    for (AliasMode mode : List.of(AliasMode.REQUIRE, AliasMode.OFF)) {
      MoePlan plan =
          Planner.builder()
              .maxTokens(5)
              .output(OutputForm.DEFERRED)
              .outputAliasing(mode)
              .build()
              .plan(LAYER);
      try (Session session = backend().prepare(plan)) {
        session.run(deferred(5, Rows.of(new float[5 * TOP_K * H])));
        assertThat(session.copies()).isEqualTo(mode == AliasMode.OFF ? 1 : 0);
      }
    }
  }

  private static MoeCall deferred(int tokens, MemorySegment output) {
    return new MoeCall()
        .hidden(Rows.of(Rows.random(tokens * H, 65)), tokens)
        .output(output)
        .routing(Rows.of(new int[tokens * TOP_K]), Rows.of(new float[tokens * TOP_K]));
  }

  /// A tail of a layer.
  private record Tail(Way way, Residual residual, boolean inPlace, MoeLayer layer, String experts) {
    Planner.Builder planner() {
      Planner.Builder planner =
          way.options()
              .apply(
                  Planner.builder()
                      .maxTokens(5)
                      .modularMoe(ExpertsCatalog.named(experts))
                      .tail(residual, NORM));
      return inPlace ? planner.inPlace(true) : planner;
    }

    @Override
    public String toString() {
      return String.join(
          ", ", way.name(), residual.name(), inPlace ? "in place" : "not in place", experts);
    }
  }

  @TestFactory
  Stream<DynamicTest> tailsAreResidualAndNorm() {
    Residual[] residuals = Residual.values();
    List<Way> ways = ways();
    return breadth().each(ways.size(), residuals.length, 2, 2, EXPERTS.size()).stream()
        .map(row ->
            new Tail(
                ways.get(row[0]),
                residuals[row[1]],
                row[2] == 1,
                row[3] == 1 ? SHARED : LAYER,
                EXPERTS.get(row[4])))
        .filter(TailContract::isPossible)
        .map(tail -> DynamicTest.dynamicTest(tail.toString(), () -> isResidualAndNorm(tail)));
  }

  /// Rows that share memory have one type, and rows in place no gaps; batches are not cut.
  private static boolean isPossible(Tail tail) {
    String way = tail.way().name();
    boolean sharesMemory = tail.inPlace() || tail.residual() == Residual.IN_OUTPUT;
    return !(sharesMemory && way.contains("BF16"))
        && !(tail.inPlace() && way.contains("strided"))
        && !(tail.experts().equals("batched") && way.contains("chunks"));
  }

  private void isResidualAndNorm(Tail tail) {
    MoePlan plan = tail.planner().build().plan(tail.layer());
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      for (int tokens : counts()) {
        float[] hidden = Rows.random(tokens * H, 66);
        float[] added = Rows.random(tokens * H, 67);
        float[] weights = Rows.random(H, 68);
        MemorySegment rows = Rows.of(hidden.clone());
        MemorySegment output = tail.inPlace() ? rows : ResultRows.output(plan, tokens);
        if (tail.residual() == Residual.IN_OUTPUT && !tail.inPlace()) {
          ResultRows.put(plan, output, added);
        }
        MoeCall call = new MoeCall().hidden(rows, tokens).output(output);
        if (tail.residual() == Residual.GIVEN) {
          call.residual(Rows.of(added));
        }
        MemorySegment normed = ResultRows.normed(plan, tokens);
        session.run(call.tail(Rows.of(weights), normed));

        double[] expected = new NaiveMoe(tail.layer()).run(hidden, tokens);
        float[] residual =
            switch (tail.residual()) {
              case NONE -> new float[tokens * H];
              case GIVEN -> added;
              case IN_OUTPUT -> tail.inPlace() ? hidden : added;
            };
        for (int i = 0; i < expected.length; i++) {
          expected[i] += residual[i];
        }
        Rows.assertClose(ResultRows.floats(plan, output, tokens), expected, tolerance(plan));
        Rows.assertClose(
            ResultRows.dense(plan, normed), normed(expected, weights), tolerance(plan));
      }
    }
  }

  /// The definition, in double.
  private static double[] normed(double[] rows, float[] weights) {
    double[] normed = new double[rows.length];
    for (int first = 0; first < rows.length; first += H) {
      double squares = 0;
      for (int i = 0; i < H; i++) {
        squares += rows[first + i] * rows[first + i];
      }
      for (int i = 0; i < H; i++) {
        normed[first + i] = rows[first + i] / Math.sqrt(squares / H + 0.25) * weights[i];
      }
    }
    return normed;
  }

  @TestFactory
  Stream<DynamicTest> tailsHaveTheSameBitsWhateverIsFoldedAndAliased() {
    return withExperts("fused", this::haveTheSameBits);
  }

  private void haveTheSameBits(String experts) {
    Planner.Builder planner =
        Planner.builder()
            .maxTokens(5)
            .modularMoe(ExpertsCatalog.named(experts))
            .residual(Residual.GIVEN);
    MoePlan without = planner.build().plan(SHARED);
    if (isRefused(without)) {
      return;
    }
    List<MoePlan> plans =
        List.of(
            planner.tail(Residual.GIVEN, NORM).build().plan(SHARED),
            planner.outputAliasing(AliasMode.OFF).build().plan(SHARED),
            planner.foldAdditions(false).build().plan(SHARED));
    try (Session first = backend().prepare(without)) {
      for (int tokens : counts()) {
        float[] output = new float[tokens * H];
        first.run(call(tokens, output));
        float[] expected = null;
        for (MoePlan plan : plans) {
          float[] sums = new float[tokens * H];
          float[] normed = new float[tokens * H];
          try (Session session = first.fork(plan)) {
            session.run(call(tokens, sums).tail(Rows.of(Rows.random(H, 68)), Rows.of(normed)));
          }
          assertThat(Rows.bits(sums)).isEqualTo(Rows.bits(output));
          expected = expected == null ? normed : expected;
          assertThat(Rows.bits(normed)).isEqualTo(Rows.bits(expected));
        }
      }
    }
  }

  private static MoeCall call(int tokens, float[] output) {
    return new MoeCall()
        .hidden(Rows.of(Rows.random(tokens * H, 69)), tokens)
        .residual(Rows.of(Rows.random(tokens * H, 70)))
        .output(Rows.of(output));
  }

  @Test
  void refusesCallsThatDoNotKeepToThePlan() {
    MemorySegment weights = Rows.of(new float[H]);
    MemorySegment rows = Rows.of(new float[H]);
    MemorySegment output = Rows.of(new float[H]);
    MoePlan plan = Planner.builder().maxTokens(1).tail(Residual.NONE, NORM).build().plan(LAYER);
    try (Session session = backend().prepare(plan)) {
      MoeCall call = new MoeCall().hidden(rows, 1).output(output);
      refuses(session, call, "the call has no norm_weights");
      refuses(
          session, call.tail(weights, Rows.of(new float[2])), "normed has 8 bytes, expected 384");
      refuses(session, call.tail(Rows.of(new float[2]), weights), "norm_weights has 8 bytes");
      refuses(
          session, call.tail(weights, rows), "OVERLAPS_INPUT: normed is the same memory as hidden");
      refuses(session, call.tail(weights, output), "OVERLAPS_RESULT", "normed", "output");
      refuses(session, call.tail(output, weights), "OVERLAPS_INPUT", "output", "norm_weights");
      refuses(
          session, call.tail(weights, Rows.of(new float[H]).asReadOnly()), "normed is read-only");
      session.run(call.tail(weights, Rows.of(new float[H])));
    }
    MoePlan finished = Planner.builder().maxTokens(1).build().plan(LAYER);
    try (Session session = backend().prepare(finished)) {
      refuses(
          session,
          new MoeCall().hidden(rows, 1).output(output).tail(weights, Rows.of(new float[H])),
          "no tail");
    }
  }

  @Test
  void refusesDeferredCallsThatDoNotKeepToThePlan() {
    MoePlan plan = Planner.builder().maxTokens(1).output(OutputForm.DEFERRED).build().plan(LAYER);
    try (Session session = backend().prepare(plan)) {
      MemorySegment output = Rows.of(new float[TOP_K * H]);
      refuses(
          session,
          new MoeCall().hidden(Rows.of(new float[H]), 1).output(output),
          "the call has no topk_ids");
      refuses(session, deferred(1, Rows.of(new float[H])), "output has 384 bytes, expected 1152");
      refuses(
          session,
          deferred(1, output).routing(output.asSlice(0, 12), Rows.of(new float[TOP_K])),
          "OVERLAPS_RESULT: topk_ids overlaps output");
      // What they hold is nobody's ids yet.
      session.run(
          deferred(1, output).routing(Rows.of(new int[] {-7, 99, 99}), Rows.of(new float[TOP_K])));
    }
  }

  private static void refuses(Session session, MoeCall call, String... words) {
    assertThatThrownBy(() -> session.run(call))
        .isInstanceOf(BackendException.class)
        .hasMessageContainingAll(words);
  }

  /// vLLM's bug 50338 where the rows are the caller's to sum.
  @Test
  void sanitizeFindsDeferredRowsThatAreNotWritten() {
    OneStepExperts lazy =
        OneStepExperts.leavingPairs((memory, tokens) -> {
          MemorySegment rows = memory.of(Operand.FUSED_OUT);
          rows.asSlice(0, (tokens * TOP_K - 1) * H * 4L).fill((byte) 0);
        });
    MoePlan plan =
        Planner.builder()
            .maxTokens(2)
            .sanitize(true)
            .output(OutputForm.DEFERRED)
            .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), lazy))
            .build()
            .plan(LAYER);
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      assertThatThrownBy(() -> session.run(deferred(2, Rows.of(new float[2 * TOP_K * H]))))
          .isInstanceOf(SanitizeException.class)
          .hasMessageContainingAll("OUTPUT_NOT_WRITTEN", "row 5, column 0", "output");
    }
  }

  private static int[] ids(int tokens) {
    int[] ids = new int[tokens * TOP_K];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = (i / TOP_K + i) % 5;
    }
    return ids;
  }

  private static double tolerance(MoePlan plan) {
    return plan.options().call().outputType() == DType.F32 ? TOLERANCE : SHORT_TOLERANCE;
  }

  private static float[] floats(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }
}
