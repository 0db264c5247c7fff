package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.FusedExperts;
import dev.tornadomoe.modular.HybridExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What every backend must compute: each kind of layer, checked against its definition in double.
public abstract class ArithmeticContract extends BackendContract {
  /// max |error| / rms that it may have.
  protected double tolerance() {
    return 2e-5;
  }

  @TestFactory
  Stream<DynamicTest> computesTheLayer() {
    return breadth() == Breadth.FULL
        ? each(LayerSpecs.all(), spec -> computesTheLayer(spec, Planner.builder()))
        : each(LayerSpecs.mixed(), spec -> computesTheLayer(spec, inTwoLaunches()));
  }

  /// One token works pair by pair, more are grouped by expert: a device compiles these two.
  private static Planner.Builder inTwoLaunches() {
    return Planner.builder()
        .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), new HybridExperts(1)));
  }

  private void computesTheLayer(LayerSpec spec, Planner.Builder planner) {
    MoeLayer layer = RandomLayer.of(spec, 11);
    NaiveMoe naive = new NaiveMoe(layer);
    int[] counts = tokens(1, 6);
    MoePlan plan = planner.maxTokens(counts[counts.length - 1]).build().plan(layer);
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      for (int tokens : counts) {
        float[] hidden = Rows.random(tokens * layer.hidden(), 100 + tokens);
        float[] output = new float[hidden.length];
        session.run(Rows.of(hidden), tokens, Rows.of(output));
        Rows.assertClose(output, naive.run(hidden, tokens), tolerance());
      }
    }
  }

  /// Experts may get more rows than the call has tokens, in buffers of prepare's own.
  @ParameterizedTest
  @ValueSource(strings = {"fused", "hybrid"})
  void prepareMayBringRowsOfOthers(String experts) {
    MoeLayer layer =
        RandomLayer.of(
            LayerSpec.odd()
                .with(WeightFormat.int4(DType.BF16, 32, true, false))
                .withShared(24, true),
            13);
    ModularMoe modularMoe =
        new ModularMoe(new TwoSidedEnds(), ExpertsCatalog.named(experts).experts());
    int[] counts = tokens(1, 5, 5, 6); // the last replays a launch that had fewer tokens before
    int most = counts[counts.length - 1];
    Planner planner =
        Planner.builder().maxTokens(most).sanitize(true).modularMoe(modularMoe).build();
    MoePlan plan = planner.plan(layer);
    if (isRefused(plan)) {
      return;
    }
    NaiveMoe naive = new NaiveMoe(layer);
    try (Session session = backend().prepare(plan)) {
      for (int tokens : counts) {
        float[] hidden = Rows.random(tokens * layer.hidden(), 200 + tokens);
        float[] output = new float[hidden.length];
        session.run(Rows.of(hidden), tokens, Rows.of(output));
        Rows.assertClose(output, naive.run(hidden, tokens), tolerance());
      }
    }
  }

  /// What a user's own pieces may be made of, where the experts' rows have another size than the
  /// layer's: none of it may touch a byte beside them.
  @TestFactory
  Stream<DynamicTest> ownPiecesHaveRowsOfTheExpertsSize() {
    FinishEnds copying =
        new FinishEnds(target ->
            List.of(
                new RowOperation.Copy(Operand.FUSED_OUT, target),
                new RowOperation.Zero(target),
                new RowOperation.Add(target, Operand.FUSED_OUT)));
    List<ModularMoe> pieces =
        List.of(
            new ModularMoe(new LocalPrepareAndFinalize(), new AccumulatingExperts()),
            new ModularMoe(copying, new FusedExperts()));
    return pieces.stream()
        .map(modularMoe ->
            DynamicTest.dynamicTest(modularMoe.experts().name(), () -> ownPieces(modularMoe)));
  }

  private void ownPieces(ModularMoe modularMoe) {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd().withLatent(24).withShared(24, false), 15);
    NaiveMoe naive = new NaiveMoe(layer);
    int[] counts = tokens(3);
    Planner planner =
        Planner.builder()
            .maxTokens(counts[counts.length - 1])
            // A device compiles all of it twice then.
            .sanitize(breadth() == Breadth.FULL)
            .modularMoe(modularMoe)
            .build();
    try (Session session = backend().prepare(planner.plan(layer))) {
      for (int tokens : counts) {
        float[] hidden = Rows.random(tokens * layer.hidden(), 300 + tokens);
        float[] output = new float[hidden.length];
        session.run(Rows.of(hidden), tokens, Rows.of(output));
        Rows.assertClose(output, naive.run(hidden, tokens), tolerance());
      }
    }
  }

  /// Experts with layers that they may compute in ways of their own.
  private Stream<DynamicTest> withLayers(BiConsumer<String, LayerSpec> test) {
    LayerSpec int4 =
        LayerSpec.odd().with(WeightFormat.int4(DType.BF16, 32, true, false)).withShared(24, true);
    List<LayerSpec> specs =
        List.of(int4, int4.withWeightOnInput(), int4.with(WeightFormat.dense(DType.BF16)));
    return breadth().each(EXPERTS.size(), specs.size()).stream()
        .map(row -> {
          String experts = EXPERTS.get(row[0]);
          LayerSpec spec = specs.get(row[1]);
          return DynamicTest.dynamicTest(experts + ", " + spec, () -> test.accept(experts, spec));
        });
  }

  @TestFactory
  Stream<DynamicTest> allExpertsComputeTheSame() {
    return withLayers(this::allExpertsComputeTheSame);
  }

  private void allExpertsComputeTheSame(String experts, LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 12);
    NaiveMoe naive = new NaiveMoe(layer);
    int[] counts = tokens(1, 3);
    int most = counts[counts.length - 1];
    Planner planner =
        Planner.builder().maxTokens(most).modularMoe(ExpertsCatalog.named(experts)).build();
    MoePlan plan = planner.plan(layer);
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      for (int tokens : counts) {
        float[] hidden = Rows.random(tokens * layer.hidden(), 200 + tokens);
        float[] output = new float[hidden.length];
        session.run(Rows.of(hidden), tokens, Rows.of(output));
        Rows.assertClose(output, naive.run(hidden, tokens), tolerance());
      }
    }
  }

  @TestFactory
  Stream<DynamicTest> takesGivenIdsWithIdleAndCrowdedExperts() {
    return withLayers(this::takesGivenIdsWithIdleAndCrowdedExperts);
  }

  private void takesGivenIdsWithIdleAndCrowdedExperts(String experts, LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 13);
    int topK = layer.topK();
    int tokens = breadth() == Breadth.FULL ? 9 : 3;
    int[] ids = new int[tokens * topK];
    float[] weights = Rows.random(ids.length, 31);
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 1 + i % topK; // expert 0 and the last ones get nobody, expert 1 gets every token
    }
    float[] hidden = Rows.random(tokens * layer.hidden(), 32);
    float[] output = new float[hidden.length];
    Planner planner =
        Planner.builder()
            .maxTokens(tokens)
            .callerRoutes(true)
            .modularMoe(ExpertsCatalog.named(experts))
            .build();
    MoePlan plan = planner.plan(layer);
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      session.run(
          new MoeCall()
              .hidden(Rows.of(hidden), tokens)
              .routing(Rows.of(ids), Rows.of(weights))
              .output(Rows.of(output)));
    }
    Rows.assertClose(output, new NaiveMoe(layer).run(hidden, tokens, ids, weights), tolerance());
  }

  @Test
  void passesNonFiniteNumbersOnToTheirOwnTokenOnly() {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 14);
    int size = layer.hidden();
    float[] hidden = Rows.random(6 * size, 33);
    MoePlan plan = inTwoLaunches().maxTokens(6).build().plan(layer);
    try (Session session = backend().prepare(plan)) {
      float[] clean = new float[hidden.length];
      session.run(Rows.of(hidden), 6, Rows.of(clean));
      hidden[2 * size + 5] = Float.NaN;
      hidden[4 * size + 1] = Float.POSITIVE_INFINITY;
      float[] output = new float[hidden.length];
      session.run(Rows.of(hidden), 6, Rows.of(output));
      for (int token : new int[] {0, 1, 3, 5}) {
        for (int i = token * size; i < (token + 1) * size; i++) {
          assertThat(output[i]).isEqualTo(clean[i]);
        }
      }
      for (int i = 0; i < size; i++) {
        assertThat(Float.isFinite(output[2 * size + i])).isFalse();
      }
    }
  }

  /// A router would see it, too, and say so by its weights; here nobody but the experts does.
  @TestFactory
  Stream<DynamicTest> noActivationMakesANumberOfWhatIsNone() {
    LayerSpec odd = LayerSpec.odd();
    List<LayerSpec> narrow =
        List.of(odd.with(Activation.swigluOai(7), true), odd.with(Activation.RELU_SQUARED, false));
    List<LayerSpec> others =
        List.of(
            odd.with(Activation.RELU, false),
            odd.with(Activation.GELU, true),
            odd.with(Activation.GELU_TANH, true),
            odd.with(Activation.swigluClamped(0.4f), true),
            odd.with(Activation.swigluStep(0.25f), true));
    return Stream.concat(
        each(narrow, this::keepsNaN),
        breadth() == Breadth.FULL ? each(others, this::keepsNaN) : Stream.of());
  }

  private void keepsNaN(LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 16);
    int size = layer.hidden();
    float[] hidden = Rows.random(2 * size, 34);
    hidden[size + 5] = Float.NaN;
    float[] output = new float[hidden.length];
    MoePlan plan = Planner.builder().maxTokens(2).callerRoutes(true).build().plan(layer);
    try (Session session = backend().prepare(plan)) {
      session.run(
          new MoeCall()
              .hidden(Rows.of(hidden), 2)
              .routing(Rows.of(new int[] {0, 1, 2, 2, 3, 4}), Rows.of(Rows.random(6, 35)))
              .output(Rows.of(output)));
    }
    for (int i = 0; i < size; i++) {
      assertThat(output[i]).isFinite();
      assertThat(output[size + i]).isNaN();
    }
  }
}
