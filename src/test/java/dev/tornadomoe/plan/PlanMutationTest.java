package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.Capability;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Mutants from a seed: whatever the verifier lets pass still gives the right outputs.
class PlanMutationTest {

  static IntStream seeds() {
    return IntStream.range(0, 300);
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void movedSlotsPassOnlyWhenTheOutputsStayRight(int seed) {
    MoePlan plan = RandomPipeline.of(seed).plan(AliasMode.AUTO);
    Random random = new Random(seed);
    BucketPlan bucket = plan.buckets().getLast();
    for (int i = 0; i < 5; i++) {
      BucketPlan mutant = withMovedSlot(bucket, random);
      assertThat(!isAccepted(plan, mutant) || agrees(plan, mutant))
          .as("seed %d, mutant %d", seed, i)
          .isTrue();
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void swappedStepsPassOnlyWhenTheOutputsStayRight(int seed) {
    MoePlan plan = RandomPipeline.of(seed).plan(AliasMode.AUTO);
    Random random = new Random(seed);
    BucketPlan bucket = plan.buckets().getLast();
    for (int i = 0; i < 5; i++) {
      Step one = anyStep(bucket, random);
      Step other = anyStep(bucket, random);
      BucketPlan mutant =
          PlanMutant.swapped(bucket, one.operation().name(), other.operation().name());
      // Rows that are written in several steps are there after each of them; the verifier knows
      // memory, not which of a sum's terms are still to come.
      boolean sums = accumulates(one) || accumulates(other);
      assertThat(sums || !isAccepted(plan, mutant) || agrees(plan, mutant))
          .as("seed %d, %s and %s", seed, one, other)
          .isTrue();
    }
  }

  /// Otherwise the two tests above would show nothing.
  @Test
  void mutantsAreRefusedAndAccepted() {
    List<Boolean> accepted = new ArrayList<>();
    for (int seed = 0; seed < 100; seed++) {
      MoePlan plan = RandomPipeline.of(seed).plan(AliasMode.AUTO);
      BucketPlan bucket = plan.buckets().getLast();
      accepted.add(isAccepted(plan, withMovedSlot(bucket, new Random(seed))));
    }

    assertThat(accepted).contains(true, false);
  }

  private static BucketPlan withMovedSlot(BucketPlan bucket, Random random) {
    List<Buffer> scratch = bucket.buffers().stream().filter(buffer -> !buffer.isCallers()).toList();
    if (scratch.isEmpty()) {
      return bucket;
    }
    Buffer moved = scratch.get(random.nextInt(scratch.size()));
    long room = bucket.workspaceBytes() - moved.bytes();
    long offset = 4 * random.nextLong(room / 4 + 1);
    return PlanMutant.moved(
        bucket, moved.layer(), moved.operand(), new Buffer.Slot(offset, moved.bytes()));
  }

  private static Step anyStep(BucketPlan bucket, Random random) {
    return bucket.steps().get(random.nextInt(bucket.steps().size()));
  }

  private static boolean accumulates(Step step) {
    return step.operation().accesses().stream()
        .anyMatch(access -> access.mode() == Access.Mode.ACCUMULATE);
  }

  private static boolean isAccepted(MoePlan plan, BucketPlan mutant) {
    try {
      PlanVerifier.verify(mutant, Collections.nCopies(plan.layers().size(), capabilities(plan)));
      return true;
    } catch (PlanException refused) {
      assertThat(refused).hasMessageStartingWith("plan verifier: ").hasMessageContaining("layer ");
      return false;
    }
  }

  private static boolean agrees(MoePlan plan, BucketPlan mutant) {
    return SymbolicRun.agrees(
        mutant,
        plan.unaliased().buckets().getLast(),
        capabilities(plan).contains(Capability.INPUT_CONSUMED_BEFORE_OUTPUT));
  }

  private static Set<Capability> capabilities(MoePlan plan) {
    return plan.modularMoe(0).experts().capabilities();
  }
}
