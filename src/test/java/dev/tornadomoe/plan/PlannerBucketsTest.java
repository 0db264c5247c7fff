package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.FusedExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubExperts;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class PlannerBucketsTest {
  private static final MoeLayer DENSE = SeededLayers.small();
  private static final MoeLayer INT4 = SeededLayers.of(8, 6, 4, 2).int4().index(1).layer();

  @Test
  void fusedExpertsHaveABucketForNoneAndOneForAll() {
    Planner planner =
        Planner.builder().modularMoe(new ModularMoe(local(), new FusedExperts())).build();

    assertThat(ranges(planner.plan(DENSE))).containsExactly("0-0", "1-64");
  }

  static List<MoeLayer> layers() {
    return List.of(DENSE, INT4);
  }

  @ParameterizedTest
  @MethodSource("layers")
  void hybridExpertsHaveFewAndMany(MoeLayer layer) {
    MoePlan plan = Planner.builder().build().plan(layer);

    assertThat(ranges(plan)).containsExactly("0-0", "1-4", "5-64");
    assertThat(operations(plan.bucket(1))).contains(ReduceOperation.DownReduce.class);
    assertThat(operations(plan.bucket(4))).contains(ReduceOperation.DownReduce.class);
    assertThat(operations(plan.bucket(5))).contains(ExpertOperation.GroupedDown.class);
  }

  @Test
  void limitsOfSeveralPiecesAreMerged() {
    PlanOptions options = Planner.builder().maxTokens(64).build().plan(DENSE).options();
    List<ModularMoe> modularMoe =
        List.of(
            stub(3, 7),
            stub(7, 64),
            stub(20, 100, 0, -5),
            new ModularMoe(local(), new FusedExperts()));
    MoePlan plan = Planner.plan(SeededLayers.of(8, 6, 4, 2).layers(4), modularMoe, options);

    assertThat(ranges(plan)).containsExactly("0-0", "1-3", "4-7", "8-20", "21-64");
  }

  @ParameterizedTest
  @CsvSource({"1, '0-0,1-1'", "4, '0-0,1-4'", "5, '0-0,1-4,5-5'", "6, '0-0,1-4,5-6'"})
  void limitsThatNoCallReachesMakeNoBucket(int most, String expected) {
    assertThat(String.join(",", ranges(Planner.builder().maxTokens(most).build().plan(INT4))))
        .isEqualTo(expected);
  }

  @Test
  void chunksAreTheLargestBucket() {
    MoePlan plan = Planner.builder().maxTokens(100).chunkTokens(16).build().plan(INT4);

    assertThat(ranges(plan)).containsExactly("0-0", "1-4", "5-16");
    assertThat(plan.options().maxTokens()).isEqualTo(100);
    assertThat(plan.bucket(16).buffer(0, Operand.OUTPUT).shape().dimension(0)).isEqualTo(16);
  }

  @Test
  void chunksBoundTheWorkspace() {
    MoePlan whole = Planner.builder().maxTokens(64).build().plan(DENSE);
    MoePlan chunked = Planner.builder().maxTokens(640).chunkTokens(64).build().plan(DENSE);

    assertThat(chunked.workspaceBytes()).isEqualTo(whole.workspaceBytes());
  }

  @Test
  void workspaceIsThatOfTheLargestBucket() {
    MoePlan plan = Planner.builder().build().plan(INT4);

    assertThat(plan.workspaceBytes()).isEqualTo(plan.buckets().getLast().workspaceBytes());
    assertThat(plan.bucket(4).workspaceBytes()).isLessThan(plan.workspaceBytes());
    assertThat(plan.buckets().getFirst().workspaceBytes()).isZero();
  }

  @Test
  void bucketsAreFoundByTokenCount() {
    MoePlan plan = Planner.builder().build().plan(INT4);

    assertThat(plan.bucket(0)).isSameAs(plan.buckets().get(0));
    assertThat(plan.bucket(4)).isSameAs(plan.buckets().get(1));
    assertThat(plan.bucket(64)).isSameAs(plan.buckets().get(2));
    assertThatThrownBy(() -> plan.bucket(65))
        .isInstanceOf(PlanException.class)
        .hasMessage("the plan is for at most 64 tokens at once, found 65");
  }

  @Test
  void row34EachBucketDecidesForItself() {
    StubExperts experts =
        StubExperts.of(StubBody.byTokens(4, StubBody.twoSteps(), StubBody.lateReader()))
            .pathLimits(4);
    MoePlan plan =
        Planner.builder()
            .modularMoe(new ModularMoe(local(), experts))
            .inPlace(true)
            .build()
            .plan(DENSE);

    assertThat(plan.bucket(4).decisions().getFirst().aliased()).isTrue();
    assertThat(plan.bucket(4).copies()).isZero();
    assertThat(plan.bucket(5).decisions().getFirst().reason())
        .isEqualTo(ReasonCode.INPUT_READ_AFTER_WRITE);
    assertThat(plan.bucket(5).copies()).isEqualTo(1);
  }

  @Test
  void requiredAliasNamesTheBucketThatRefuses() {
    StubExperts experts =
        StubExperts.of(StubBody.byTokens(4, StubBody.twoSteps(), StubBody.lateReader()))
            .pathLimits(4);
    Planner planner =
        Planner.builder()
            .modularMoe(new ModularMoe(local(), experts))
            .inPlace(true)
            .requireAlias(true)
            .build();

    assertThatThrownBy(() -> planner.plan(DENSE))
        .isInstanceOf(PlanException.class)
        .hasMessageContainingAll("layer 0, 5 to 64 tokens", "INPUT_READ_AFTER_WRITE");
  }

  private static LocalPrepareAndFinalize local() {
    return new LocalPrepareAndFinalize();
  }

  private static ModularMoe stub(Integer... limits) {
    return new ModularMoe(local(), StubExperts.of(StubBody.twoSteps()).pathLimits(limits));
  }

  private static List<String> ranges(MoePlan plan) {
    return plan.buckets().stream().map(b -> b.minTokens() + "-" + b.maxTokens()).toList();
  }

  private static List<Class<?>> operations(BucketPlan bucket) {
    return bucket.steps().stream().<Class<?>>map(step -> step.operation().getClass()).toList();
  }
}
