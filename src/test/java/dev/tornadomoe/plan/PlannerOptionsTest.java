package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubExperts;
import dev.tornadomoe.tensor.DType;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class PlannerOptionsTest {
  private static final MoeLayer LAYER = SeededLayers.small();

  static Stream<Arguments> contradictions() {
    return Stream.of(
        refused(Planner.builder().maxTokens(0), "at least 1 token", "0"),
        refused(Planner.builder().maxTokens(-3), "at least 1 token", "-3"),
        refused(Planner.builder().chunkTokens(-1), "chunks", "-1"),
        refused(Planner.builder().outputStride(-2), "output stride", "-2"),
        refused(Planner.builder().outputAlignment(0), "output alignment", "0"),
        refused(Planner.builder().hiddenType(DType.I32), "hidden states", "I32"),
        refused(Planner.builder().outputType(DType.F8_E4M3), "output", "F8_E4M3"),
        refused(Planner.builder().inPlace(true).outputStride(16), "in place", "row stride"),
        refused(Planner.builder().inPlace(true).outputType(DType.BF16), "BF16", "F32"),
        refused(
            Planner.builder().residual(Residual.IN_OUTPUT).hiddenType(DType.F16), "F32", "F16"));
  }

  private static Arguments refused(Planner.Builder builder, String... message) {
    return Arguments.of(builder, message);
  }

  @ParameterizedTest
  @MethodSource("contradictions")
  void contradictionsAreRefusedBeforeAnythingIsPlanned(Planner.Builder builder, String[] message) {
    refuses(builder::build, message);
  }

  @Test
  void rowsThatOverlapAreRefused() {
    Planner planner = Planner.builder().outputStride(7).build();

    refuses(() -> planner.plan(LAYER), "7 elements apart", "rows of 8");
  }

  @Test
  void planWithoutLayersIsRefused() {
    refuses(() -> Planner.builder().build().plan(List.of()), "at least one layer");
  }

  @Test
  void layersOfAWholeStepMustTakeTheSameArguments() {
    MoeLayer wider = SeededLayers.of(9, 6, 4, 2).index(5).layer();
    MoeLayer busier = SeededLayers.of(8, 6, 4, 3).index(6).layer();
    Planner routed = Planner.builder().wholeStep(true).build();
    Planner given = Planner.builder().wholeStep(true).callerRoutes(true).build();

    refuses(
        () -> routed.plan(List.of(LAYER, wider)),
        "layer 5 has hidden size 9, expected 8",
        "layer 0");
    refuses(() -> given.plan(List.of(LAYER, busier)), "layer 6 has top-k 3, expected 2", "layer 0");
    assertThat(routed.plan(List.of(LAYER, busier)).layers()).hasSize(2);
  }

  @Test
  void moreTokensThanCanBePairedWithExpertsAreRefused() {
    Planner planner = Planner.builder().maxTokens(Integer.MAX_VALUE).build();

    assertThatThrownBy(() -> planner.plan(LAYER))
        .isInstanceOf(MoeException.class)
        .hasMessageContainingAll("2147483647 tokens", "2 experts each", "4294967294 pairs");
  }

  @Test
  void chunksLargerThanACallAreCalls() {
    PlanOptions options =
        Planner.builder().maxTokens(8).chunkTokens(100).build().plan(LAYER).options();

    assertThat(options.chunkTokens()).isEqualTo(8);
  }

  @Test
  void withoutChunksACallIsOne() {
    assertThat(Planner.builder().maxTokens(8).build().plan(LAYER).options().chunkTokens())
        .isEqualTo(8);
  }

  @Test
  void defaultsAreThoseOfTheDocumentation() {
    PlanOptions options = Planner.builder().build().plan(LAYER).options();

    assertThat(options)
        .isEqualTo(
            new PlanOptions(
                64,
                64,
                AliasMode.AUTO,
                true,
                true,
                false,
                Precision.EXACT,
                MemoryKind.HOST,
                CallSpec.DEFAULT,
                options.modularMoe()));
    assertThat(options.modularMoe().apply(LAYER)).isSameAs(ExpertsCatalog.preferred());
  }

  @Test
  void batchedExpertsCantBeChunked() {
    Planner planner =
        Planner.builder()
            .modularMoe(ExpertsCatalog.named("batched"))
            .maxTokens(20)
            .chunkTokens(8)
            .build();

    refuses(() -> planner.plan(LAYER), "\"batched\"", "chunks", "of 8 tokens", "up to 20");
  }

  @Test
  void expertsThatDoNotSayTheyAreChunkableAreNotChunked() {
    StubExperts whole = StubExperts.of(StubBody.twoSteps()).without(Capability.CHUNKABLE);
    Planner.Builder options =
        Planner.builder()
            .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), whole))
            .maxTokens(9);

    assertThat(options.build().plan(LAYER).buckets()).hasSize(2);
    assertThat(options.chunkTokens(9).build().plan(LAYER).buckets()).hasSize(2);
    refuses(() -> options.chunkTokens(8).build().plan(LAYER), "\"stub\"", "of 8 tokens");
  }

  @Test
  void guardsStandBetweenSlotsWhenSanitising() {
    BucketPlan plain = Planner.builder().workspaceReuse(false).build().plan(LAYER).bucket(1);
    BucketPlan guarded =
        Planner.builder().workspaceReuse(false).sanitize(true).build().plan(LAYER).bucket(1);
    long slots = plain.buffers().stream().filter(buffer -> !buffer.isCallers()).count();

    assertThat(guarded.workspaceBytes())
        .isEqualTo(plain.workspaceBytes() + slots * PlanOptions.GUARD_BYTES);
    guarded.buffers().stream()
        .filter(buffer -> !buffer.isCallers())
        .forEach(buffer -> assertThat(isFollowedByGuard(guarded, buffer)).isTrue());
  }

  private static boolean isFollowedByGuard(BucketPlan plan, Buffer buffer) {
    Buffer.Slot slot = (Buffer.Slot) buffer.location();
    long guardEnd = slot.end() + PlanOptions.GUARD_BYTES;
    return guardEnd <= plan.workspaceBytes()
        && plan.buffers().stream()
            .filter(other -> other.location() instanceof Buffer.Slot)
            .map(other -> (Buffer.Slot) other.location())
            .noneMatch(other -> other.offset() >= slot.end() && other.offset() < guardEnd);
  }

  private static void refuses(ThrowingCallable planning, String... message) {
    assertThatThrownBy(planning).isInstanceOf(PlanException.class).hasMessageContainingAll(message);
  }
}
