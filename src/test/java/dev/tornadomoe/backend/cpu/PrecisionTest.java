package dev.tornadomoe.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.reference.ReferenceBackend;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Precision;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What the precisions promise, against the reference backend, which has only the exact one.
class PrecisionTest {
  private static final int TOKENS = 9;

  static Stream<LayerSpec> layers() {
    LayerSpec base =
        LayerSpec.odd().sized(256, 136, 6, TopKGating.softmax(3, true)).withShared(72, true);
    return Stream.of(
        base.with(WeightFormat.int4(DType.BF16, 32, false, false)),
        base.with(WeightFormat.int4(DType.F32, 64, false, false)),
        base.with(WeightFormat.int4(DType.F16, 128, true, false)),
        base.with(WeightFormat.int4(DType.F16, 16, true, true)).withBiases(),
        base.with(WeightFormat.int4(DType.BF16, 4096, false, false)));
  }

  private static MoePlan plan(MoeLayer layer, Precision precision, AliasMode alias) {
    return Planner.builder()
        .maxTokens(TOKENS)
        .precision(precision)
        .outputAliasing(alias)
        .build()
        .plan(layer);
  }

  private static float[] run(Session session, float[] hidden, int tokens) {
    float[] rows = Arrays.copyOf(hidden, hidden.length / TOKENS * tokens);
    float[] output = new float[rows.length];
    session.run(Rows.of(rows), tokens, Rows.of(output));
    return output;
  }

  /// Outliers as real hidden states have them: a few columns a hundred times the others.
  private static float[] hidden(MoeLayer layer, boolean outliers) {
    float[] rows = Rows.random(TOKENS * layer.hidden(), 92);
    for (int i = 0; outliers && i < rows.length; i += 97) {
      rows[i] *= 100;
    }
    return rows;
  }

  @ParameterizedTest
  @MethodSource("layers")
  void fastIsWithinAHundredthOfTheRms(LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 91);
    try (Session reference =
            new ReferenceBackend().prepare(plan(layer, Precision.EXACT, AliasMode.OFF));
        Session fast = new CpuBackend().prepare(plan(layer, Precision.FAST, AliasMode.AUTO))) {
      for (boolean outliers : new boolean[] {false, true}) {
        float[] hidden = hidden(layer, outliers);
        for (int tokens : new int[] {1, 3, TOKENS}) {
          float[] expected = run(reference, hidden, tokens);
          float[] found = run(fast, hidden, tokens);
          assertThat(rmsOfDifference(expected, found))
              .isLessThanOrEqualTo(1e-2 * rmsOfDifference(expected, new float[expected.length]))
              .isPositive(); // it did round
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("layers")
  void fastIsTheSameToTheBitWithoutTheAlias(LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 93);
    float[] hidden = hidden(layer, false);
    try (Session aliased = new CpuBackend().prepare(plan(layer, Precision.FAST, AliasMode.AUTO));
        Session copied = aliased.fork(plan(layer, Precision.FAST, AliasMode.OFF))) {
      for (int tokens : new int[] {1, TOKENS}) {
        assertThat(Rows.bits(run(copied, hidden, tokens)))
            .isEqualTo(Rows.bits(run(aliased, hidden, tokens)));
      }
    }
  }

  @Test
  void whatIsNotFiniteComesOutAgain() {
    MoeLayer layer = RandomLayer.of(layers().findFirst().orElseThrow(), 94);
    float[] hidden = hidden(layer, false);
    hidden[5] = Float.NaN;
    hidden[layer.hidden() + 7] = Float.POSITIVE_INFINITY;
    try (Session session = new CpuBackend().prepare(plan(layer, Precision.FAST, AliasMode.AUTO))) {
      float[] output = run(session, hidden, TOKENS);
      assertThat(output[0]).isNaN();
      assertThat(output[layer.hidden()]).isNaN();
      assertThat(Float.isFinite(output[2 * layer.hidden()])).isTrue();
    }
  }

  @Test
  void forksOfOneSessionHaveThePrecisionOfTheirPlan() {
    MoeLayer layer = RandomLayer.of(layers().findFirst().orElseThrow(), 95);
    float[] hidden = hidden(layer, false);
    try (Session exact = new CpuBackend().prepare(plan(layer, Precision.EXACT, AliasMode.AUTO));
        Session fast = exact.fork(plan(layer, Precision.FAST, AliasMode.AUTO));
        Session direct = new CpuBackend().prepare(plan(layer, Precision.FAST, AliasMode.AUTO))) {
      assertThat(Rows.bits(run(fast, hidden, TOKENS)))
          .isEqualTo(Rows.bits(run(direct, hidden, TOKENS)))
          .isNotEqualTo(Rows.bits(run(exact, hidden, TOKENS)));
    }
  }

  @Test
  void aBackendWithoutItRefusesThePlan() {
    MoeLayer layer = RandomLayer.of(layers().findFirst().orElseThrow(), 96);
    MoePlan fast = plan(layer, Precision.FAST, AliasMode.AUTO);
    assertThatThrownBy(() -> new ReferenceBackend().prepare(fast))
        .isInstanceOf(BackendException.class)
        .hasMessageContainingAll("precision fast", "\"reference\"", "exact");
    try (Session session =
        new ReferenceBackend().prepare(plan(layer, Precision.EXACT, AliasMode.AUTO))) {
      assertThatThrownBy(() -> session.fork(fast))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("precision fast");
    }
  }

  private static double rmsOfDifference(float[] a, float[] b) {
    double squares = 0;
    for (int i = 0; i < a.length; i++) {
      squares += (a[i] - (double) b[i]) * (a[i] - (double) b[i]);
    }
    return Math.sqrt(squares / a.length);
  }
}
