package dev.tornadomoe.backend.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.Buffer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A plan's scratch without what lies elsewhere.
class SessionWorkspaceTest {
  private static final Set<String> ELSEWHERE = Set.of("activated", "expert_rows");

  private static MoePlan plan(boolean sanitize) {
    LayerSpec spec = LayerSpec.odd().withShared(24, true);
    return Planner.builder()
        .maxTokens(40)
        .sanitize(sanitize)
        .build()
        .plan(List.of(RandomLayer.of(spec, 3), RandomLayer.of(spec, 4)));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void isThePlansWhereNothingLiesElsewhere(boolean sanitize) {
    MoePlan plan = plan(sanitize);
    SessionWorkspace places = SessionWorkspace.of(plan, (layerIndex, operand) -> true);
    assertThat(places.bytes()).isEqualTo(plan.workspaceBytes());
    for (BucketPlan bucket : plan.buckets()) {
      for (Buffer buffer : bucket.buffers()) {
        if (buffer.location() instanceof Buffer.Slot slot) {
          assertThat(places.offset(slot.offset())).isEqualTo(slot.offset());
        }
      }
    }
  }

  /// Few tokens' experts have no rows of their own, and calls without tokens nothing at all.
  private static long left(BucketPlan bucket) {
    return bucket.buffers().stream()
        .filter(buffer -> !ELSEWHERE.contains(buffer.operand().name()))
        .count();
  }

  @Test
  void whatIsLeftLiesCloserAndSharesNoMoreThanInThePlan() {
    MoePlan plan = plan(false);
    SessionWorkspace.Contents contents =
        (layerIndex, operand) -> !ELSEWHERE.contains(operand.name());
    SessionWorkspace places = SessionWorkspace.of(plan, contents);
    assertThat(places.bytes())
        .isLessThan(plan.workspaceBytes())
        .isEqualTo(SessionWorkspace.bytes(plan, contents));
    for (BucketPlan bucket : plan.buckets()) {
      List<Buffer> left = bucket.buffers().stream().filter(b -> places.has(bucket, b)).toList();
      assertThat(left).noneMatch(buffer -> ELSEWHERE.contains(buffer.operand().name()));
      assertThat(left.size()).isEqualTo(left(bucket));
      for (Buffer one : left) {
        for (Buffer other : left) {
          if (one.location() instanceof Buffer.Slot a
              && other.location() instanceof Buffer.Slot b) {
            long from = places.offset(a.offset());
            long to = places.offset(b.offset());
            assertThat(from % 64).isZero();
            assertThat(from + a.bytes()).isLessThanOrEqualTo(places.bytes());
            assertThat(from < to + b.bytes() && to < from + a.bytes())
                .as("%s and %s share bytes", one, other)
                .isEqualTo(a.offset() < b.end() && b.offset() < a.end());
          }
        }
      }
    }
  }
}
