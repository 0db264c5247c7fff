package dev.tornadomoe.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Precision;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// A result depends on the layer and the token alone: not on how many threads there are, who else
/// is in the call, or how often it has run.
class CpuDeterminismTest {
  private static final int TOKENS = 37;

  private static final boolean IS_FULL = Breadth.askedOr(Breadth.FULL) == Breadth.FULL;

  /// Of the same call: threads find other work at other times.
  private static final int REPETITIONS = IS_FULL ? 6 : 2;

  static Stream<Arguments> layers() {
    return specs()
        .flatMap(
            spec -> Stream.of(Precision.values()).map(precision -> Arguments.of(spec, precision)));
  }

  private static Stream<LayerSpec> specs() {
    LayerSpec base =
        LayerSpec.odd().sized(200, 136, 9, TopKGating.softmax(3, true)).withShared(72, true);
    return Stream.of(
        base,
        base.with(WeightFormat.dense(DType.F16)),
        base.with(WeightFormat.int4(DType.BF16, 32, false, false)),
        base.with(WeightFormat.scaled(Coding.FP8, DType.F32, 128, 128)),
        base.with(WeightFormat.int4(DType.F16, 64, true, true)).withBiases());
  }

  private static Session session(MoeLayer layer, Precision precision, int threads) {
    MoePlan plan = Planner.builder().precision(precision).maxTokens(TOKENS).build().plan(layer);
    return new CpuBackend().withThreads(threads).prepare(plan);
  }

  private static float[] run(Session session, float[] hidden) {
    float[] output = new float[hidden.length];
    int size = session.plan().layers().getFirst().hidden();
    session.run(Rows.of(hidden), hidden.length / size, Rows.of(output));
    return output;
  }

  @ParameterizedTest
  @MethodSource("layers")
  void doesNotDependOnTheNumberOfThreads(LayerSpec spec, Precision precision) {
    MoeLayer layer = RandomLayer.of(spec, 61);
    float[] hidden = Rows.random(TOKENS * layer.hidden(), 62);
    float[] one = Arrays.copyOf(hidden, layer.hidden());
    int[] expected;
    int[] expectedOfOne;
    try (Session session = session(layer, precision, 1)) {
      expected = Rows.bits(run(session, hidden));
      expectedOfOne = Rows.bits(run(session, one));
    }
    for (int threads : IS_FULL ? new int[] {2, 3, 7} : new int[] {3}) {
      try (Session session = session(layer, precision, threads)) {
        for (int i = 0; i < REPETITIONS; i++) {
          assertThat(Rows.bits(run(session, hidden))).isEqualTo(expected);
          assertThat(Rows.bits(run(session, one))).isEqualTo(expectedOfOne);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("layers")
  void givesATokenTheSameBitsInAnyCompany(LayerSpec spec, Precision precision) {
    MoeLayer layer = RandomLayer.of(spec, 63);
    int size = layer.hidden();
    float[] hidden = Rows.random(TOKENS * size, 64);
    try (Session session = session(layer, precision, 2)) {
      float[] together = run(session, hidden);
      for (int tokens : new int[] {1, 2, 4, 5, 16, 17}) {
        float[] fewer = run(session, Arrays.copyOfRange(hidden, 3 * size, (3 + tokens) * size));
        assertThat(Rows.bits(fewer))
            .isEqualTo(Rows.bits(Arrays.copyOfRange(together, 3 * size, (3 + tokens) * size)));
      }
    }
  }

  /// More rows of an expert than are staged at once.
  @ParameterizedTest
  @MethodSource("layers")
  void givesATokenTheSameBitsAmongVeryMany(LayerSpec spec, Precision precision) {
    MoeLayer layer =
        RandomLayer.of(spec.sized(64, 40, 2, TopKGating.softmax(2, true)).withShared(0, false), 65);
    float[] hidden = Rows.random(300 * layer.hidden(), 66);
    MoePlan plan = Planner.builder().precision(precision).maxTokens(300).build().plan(layer);
    try (Session session = new CpuBackend().withThreads(2).prepare(plan)) {
      float[] together = run(session, hidden);
      float[] last = run(session, Arrays.copyOfRange(hidden, 293 * 64, 300 * 64));
      assertThat(Rows.bits(last))
          .isEqualTo(Rows.bits(Arrays.copyOfRange(together, 293 * 64, 300 * 64)));
    }
  }
}
