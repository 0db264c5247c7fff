package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/// What every backend must do with memory: aliases that change no bit, chunks, residuals, outputs
/// in place, other element types, several layers in one workspace.
public abstract class MemoryContract extends BackendContract {
  private static final LayerSpec SPEC =
      LayerSpec.odd().with(WeightFormat.int4(DType.F16, 32, true, false)).withShared(24, true);

  /// Plans for 40 tokens, or for as few as a narrow sweep has.
  private Planner.Builder planner(String experts) {
    return planner().modularMoe(ExpertsCatalog.named(experts));
  }

  private Planner.Builder planner() {
    return Planner.builder().maxTokens(most(40));
  }

  /// So many tokens, or three where sweeps are narrow.
  private int most(int tokens) {
    return breadth() == Breadth.FULL ? tokens : Math.min(tokens, 3);
  }

  private float[] run(Planner planner, MoeLayer layer, float[] hidden) {
    try (Session session = backend().prepare(planner.plan(layer))) {
      return run(session, hidden);
    }
  }

  private static float[] run(Session session, float[] hidden) {
    float[] output = new float[hidden.length];
    Arrays.fill(output, Float.NaN);
    int tokens = hidden.length / session.plan().layers().getFirst().hidden();
    session.run(Rows.of(hidden), tokens, Rows.of(output));
    return output;
  }

  @TestFactory
  Stream<DynamicTest> givesTheSameBitsWithAndWithoutAlias() {
    return each(EXPERTS, this::givesTheSameBitsWithAndWithoutAlias);
  }

  private void givesTheSameBitsWithAndWithoutAlias(String experts) {
    MoeLayer layer = RandomLayer.of(SPEC, 21);
    MoePlan aliased = planner(experts).build().plan(layer);
    MoePlan plain =
        planner(experts)
            .outputAliasing(AliasMode.OFF)
            .foldAdditions(false)
            .workspaceReuse(false)
            .build()
            .plan(layer);
    if (isRefused(aliased)) {
      return;
    }
    try (Session one = backend().prepare(aliased);
        Session other = backend().prepare(plain)) {
      for (int tokens : tokens(1, 3)) {
        float[] hidden = Rows.random(tokens * layer.hidden(), tokens);
        assertThat(Rows.bits(run(one, hidden))).isEqualTo(Rows.bits(run(other, hidden)));
      }
    }
  }

  @Test
  void countsTheCopiesItMakes() {
    MoeLayer layer = RandomLayer.of(SPEC, 22);
    float[] hidden = Rows.random(3 * layer.hidden(), 1);
    for (AliasMode mode : List.of(AliasMode.REQUIRE, AliasMode.OFF)) {
      try (Session session =
          backend().prepare(planner().outputAliasing(mode).build().plan(layer))) {
        for (int i = 0; i < 5; i++) {
          session.run(Rows.of(hidden), 3, Rows.of(new float[hidden.length]));
        }
        assertThat(session.copies()).isEqualTo(mode == AliasMode.OFF ? 5 : 0);
      }
    }
  }

  @Test
  void leavesTheOutputAloneWithoutTokens() {
    MoeLayer layer = RandomLayer.of(SPEC, 23);
    MoePlan plan = Planner.builder().maxTokens(1).build().plan(layer);
    try (Session session = backend().prepare(plan)) {
      session.run(Rows.of(new float[0]), 0, Rows.of(new float[0]));
      assertThat(session.copies()).isZero();
    }
  }

  @Test
  void givesTheSameBitsInChunks() {
    MoeLayer layer = RandomLayer.of(SPEC, 24);
    int tokens = most(33);
    float[] hidden = Rows.random(tokens * layer.hidden(), 2);
    float[] whole = run(planner("fused").build(), layer, hidden);
    int[] chunks = breadth() == Breadth.FULL ? new int[] {1, 3, 5, 8, 33} : new int[] {1, 2};
    for (int chunk : chunks) {
      float[] chunked = run(planner("fused").chunkTokens(chunk).build(), layer, hidden);
      assertThat(Rows.bits(chunked)).as("chunks of %d", chunk).isEqualTo(Rows.bits(whole));
    }
  }

  @TestFactory
  Stream<DynamicTest> addsResidualsInEveryWay() {
    return withExperts("hybrid", this::addsResidualsInEveryWay);
  }

  private void addsResidualsInEveryWay(String experts) {
    MoeLayer layer = RandomLayer.of(SPEC, 26);
    MoePlan without = planner(experts).build().plan(layer);
    if (isRefused(without)) {
      return;
    }
    try (Session none = backend().prepare(without);
        Session given =
            backend().prepare(planner(experts).residual(Residual.GIVEN).build().plan(layer));
        Session inOutput =
            backend().prepare(planner(experts).residual(Residual.IN_OUTPUT).build().plan(layer))) {
      for (int tokens : tokens(1, 3)) {
        int count = tokens * layer.hidden();
        float[] hidden = Rows.random(count, 4);
        float[] residual = Rows.random(count, 5);
        float[] expected = run(none, hidden);
        for (int i = 0; i < count; i++) {
          expected[i] += residual[i];
        }
        float[] output = new float[count];
        given.run(
            new MoeCall()
                .hidden(Rows.of(hidden), tokens)
                .residual(Rows.of(residual))
                .output(Rows.of(output)));
        assertThat(Rows.bits(output)).isEqualTo(Rows.bits(expected));
        inOutput.run(Rows.of(hidden), tokens, Rows.of(residual));
        assertThat(Rows.bits(residual)).isEqualTo(Rows.bits(expected));
      }
    }
  }

  @TestFactory
  Stream<DynamicTest> worksInPlace() {
    return withExperts("fused", this::worksInPlace);
  }

  private void worksInPlace(String experts) {
    MoeLayer layer = RandomLayer.of(SPEC, 27);
    MoePlan apart = planner(experts).build().plan(layer);
    if (isRefused(apart)) {
      return;
    }
    try (Session one = backend().prepare(apart);
        Session other = backend().prepare(planner(experts).inPlace(true).build().plan(layer))) {
      for (int tokens : tokens(1, 3)) {
        float[] hidden = Rows.random(tokens * layer.hidden(), 6);
        float[] expected = run(one, hidden);
        MemorySegment memory = Rows.of(hidden);
        other.run(memory, tokens, memory);
        assertThat(Rows.bits(hidden)).isEqualTo(Rows.bits(expected));
      }
    }
  }

  @Test
  void worksInPlaceOnTheResidualToo() {
    MoeLayer layer = RandomLayer.of(SPEC, 28);
    int tokens = most(6);
    float[] hidden = Rows.random(tokens * layer.hidden(), 7);
    float[] plain = run(planner("fused").build(), layer, hidden);
    float[] memory = hidden.clone();
    try (Session session =
        backend()
            .prepare(
                planner("fused").inPlace(true).residual(Residual.IN_OUTPUT).build().plan(layer))) {
      MemorySegment segment = Rows.of(memory);
      session.run(segment, tokens, segment);
    }
    for (int i = 0; i < memory.length; i++) {
      assertThat(memory[i]).isEqualTo(plain[i] + hidden[i]);
    }
  }

  @TestFactory
  Stream<DynamicTest> readsAndWritesShortElements() {
    return withExperts("unreduced", this::readsAndWritesShortElements);
  }

  private void readsAndWritesShortElements(String experts) {
    MoeLayer layer = RandomLayer.of(SPEC, 29);
    MoePlan plan =
        planner(experts).hiddenType(DType.BF16).outputType(DType.F16).build().plan(layer);
    if (isRefused(plan)) {
      return;
    }
    int tokens = most(5);
    float[] hidden = Rows.random(tokens * layer.hidden(), 8);
    short[] halves = new short[hidden.length];
    for (int i = 0; i < hidden.length; i++) {
      halves[i] = BFloat16.fromFloat(hidden[i]);
      hidden[i] = BFloat16.toFloat(halves[i]);
    }
    float[] exact = run(planner(experts).build(), layer, hidden);
    short[] output = new short[hidden.length];
    try (Session session = backend().prepare(plan)) {
      session.run(MemorySegment.ofArray(halves), tokens, MemorySegment.ofArray(output));
      assertThat(session.copies()).isEqualTo(experts.equals("batched") ? 1 : 0);
    }
    for (int i = 0; i < output.length; i++) {
      assertThat(output[i]).isEqualTo(Float.floatToFloat16(exact[i]));
    }
  }

  /// The residual that the last step adds is what it then writes over.
  @TestFactory
  Stream<DynamicTest> addsToShortElementsInPlace() {
    return withExperts("fused", this::addsToShortElementsInPlace);
  }

  private void addsToShortElementsInPlace(String experts) {
    MoeLayer layer = RandomLayer.of(SPEC, 28);
    Planner.Builder planner =
        planner(experts).hiddenType(DType.BF16).outputType(DType.BF16).inPlace(true);
    MoePlan plan = planner.residual(Residual.IN_OUTPUT).build().plan(layer);
    if (isRefused(plan)) {
      return;
    }
    int tokens = most(5);
    float[] hidden = Rows.random(tokens * layer.hidden(), 8);
    short[] halves = new short[hidden.length];
    for (int i = 0; i < hidden.length; i++) {
      halves[i] = BFloat16.fromFloat(hidden[i]);
      hidden[i] = BFloat16.toFloat(halves[i]);
    }
    float[] exact = run(planner(experts).build(), layer, hidden);
    MemorySegment rows = MemorySegment.ofArray(halves);
    try (Session session = backend().prepare(plan)) {
      session.run(rows, tokens, rows);
      assertThat(session.copies()).isEqualTo(experts.equals("batched") ? 1 : 0);
    }
    for (int i = 0; i < halves.length; i++) {
      assertThat(halves[i]).isEqualTo(BFloat16.fromFloat(exact[i] + hidden[i]));
    }
  }

  @TestFactory
  Stream<DynamicTest> writesRowsThatLieApart() {
    return withExperts("fused", this::writesRowsThatLieApart);
  }

  private void writesRowsThatLieApart(String experts) {
    MoeLayer layer = RandomLayer.of(SPEC, 30);
    int size = layer.hidden();
    int stride = size + 13;
    MoePlan plan = planner(experts).outputStride(stride).build().plan(layer);
    if (isRefused(plan)) {
      return;
    }
    int tokens = most(7);
    float[] hidden = Rows.random(tokens * size, 9);
    float[] dense = run(planner(experts).build(), layer, hidden);
    float[] wide = new float[tokens * stride];
    Arrays.fill(wide, 42f);
    try (Session session = backend().prepare(plan)) {
      session.run(Rows.of(hidden), tokens, Rows.of(wide));
    }
    for (int row = 0; row < tokens; row++) {
      for (int i = 0; i < stride; i++) {
        assertThat(wide[row * stride + i]).isEqualTo(i < size ? dense[row * size + i] : 42f);
      }
    }
  }

  @TestFactory
  Stream<DynamicTest> givesZerosWhereNoExpertIsLocal() {
    return withExperts("unreduced", this::givesZerosWhereNoExpertIsLocal);
  }

  private void givesZerosWhereNoExpertIsLocal(String experts) {
    LayerSpec spec = LayerSpec.odd().with(WeightFormat.int4(DType.F16, 32, true, false));
    MoeLayer all = RandomLayer.of(spec, 31);
    MoeLayer some = all.withExpertMap(ExpertMap.of(-1, 0, -1, -1, 1));
    MoeLayer others = all.withExpertMap(ExpertMap.of(2, -1, 0, 1, -1));
    MoePlan plan = planner(experts).build().plan(all);
    if (isRefused(plan)) {
      return;
    }
    try (Session ofAll = backend().prepare(plan);
        Session ofSome = backend().prepare(planner(experts).build().plan(some));
        Session ofOthers = backend().prepare(planner(experts).build().plan(others));
        Session routed =
            backend().prepare(planner(experts).callerRoutes(true).build().plan(some))) {
      for (int tokens : new int[] {2, most(9)}) {
        float[] hidden = Rows.random(tokens * all.hidden(), 10);
        float[] whole = run(ofAll, hidden);
        float[] a = run(ofSome, hidden);
        float[] b = run(ofOthers, hidden);
        double[] expected = new double[whole.length];
        for (int i = 0; i < whole.length; i++) {
          expected[i] = (double) a[i] + b[i];
        }
        Rows.assertClose(whole, expected, 1e-5);

        int[] ids = new int[tokens * 3];
        for (int i = 0; i < ids.length; i++) {
          ids[i] = new int[] {0, 2, 3}[i % 3]; // none of them is in `some`
        }
        float[] output = new float[whole.length];
        Arrays.fill(output, Float.NaN);
        routed.run(
            new MoeCall()
                .hidden(Rows.of(hidden), tokens)
                .routing(Rows.of(ids), Rows.of(new float[ids.length]))
                .output(Rows.of(output)));
        assertThat(output).containsOnly(0f);
      }
    }
  }

  @Test
  void keepsLayersInOneWorkspaceApart() {
    MoeLayer first = RandomLayer.of(SPEC, 32);
    MoeLayer second = RandomLayer.of(SPEC.sized(96, 56, 7, TopKGating.softmax(2, false)), 33);
    int tokens = breadth() == Breadth.FULL ? 6 : 1;
    Planner planner = Planner.builder().maxTokens(tokens).build();
    float[] hidden = Rows.random(tokens * 96, 11);
    float[] alone = run(planner, first, hidden);
    float[] alone2 = run(planner, second, hidden);
    try (Session session = backend().prepare(planner.plan(List.of(first, second, first)))) {
      float[] output = new float[hidden.length];
      MoeCall call = new MoeCall().hidden(Rows.of(hidden), tokens).output(Rows.of(output));
      for (int place : new int[] {0, 1, 2, 1, 0}) {
        Arrays.fill(output, Float.NaN);
        session.run(call.layer(place));
        assertThat(Rows.bits(output)).isEqualTo(Rows.bits(place == 1 ? alone2 : alone));
      }
    }
  }

  @Test
  void keepsNothingFromALargerCall() {
    MoeLayer layer = RandomLayer.of(SPEC, 34);
    int[] counts = breadth() == Breadth.FULL ? new int[] {40, 1, 6, 2, 33, 1} : new int[] {3, 1};
    try (Session session = backend().prepare(planner().build().plan(layer))) {
      for (int tokens : counts) {
        float[] hidden = Rows.random(tokens * layer.hidden(), 50 + tokens);
        float[] output = new float[hidden.length];
        session.run(Rows.of(hidden), tokens, Rows.of(output));
        float[] again = new float[hidden.length];
        session.run(Rows.of(hidden), tokens, Rows.of(again));
        assertThat(Rows.bits(output))
            .isEqualTo(Rows.bits(run(planner().build(), layer, hidden)))
            .isEqualTo(Rows.bits(again));
      }
    }
  }
}
