package dev.tornadomoe.plan;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.FinishEnds;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.UnreducedExperts;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// Experts promise that they have read their input before they write. Finalize, which may read the
/// hidden states too, has promised nothing.
class PromiseTest {
  private static final int TOKENS = 3;
  private static final int HIDDEN = 8;
  private static final MoeLayer LAYER = SeededLayers.of(HIDDEN, 6, 4, 1).layer();
  private static final ModularMoe PIECES =
      new ModularMoe(new FinishEnds(PromiseTest::addRowsBackwards), new UnreducedExperts());

  /// `target[t] = fused_out[t] + hidden[last - t]`
  private static List<Operation> addRowsBackwards(Operand target) {
    return List.of(
        new CustomOperation(
            "add backwards",
            List.of(
                new Access(Operand.FUSED_OUT, Access.Mode.READ),
                new Access(Operand.HIDDEN, Access.Mode.READ),
                new Access(target, Access.Mode.OVERWRITE)),
            (memory, tokens) -> {
              for (int i = 0; i < tokens * HIDDEN; i++) {
                int backwards = (tokens - 1 - i / HIDDEN) * HIDDEN + i % HIDDEN;
                memory
                    .of(target)
                    .setAtIndex(
                        JAVA_FLOAT_UNALIGNED,
                        i,
                        memory.of(Operand.FUSED_OUT).getAtIndex(JAVA_FLOAT_UNALIGNED, i)
                            + memory
                                .of(Operand.HIDDEN)
                                .getAtIndex(JAVA_FLOAT_UNALIGNED, backwards));
              }
            }));
  }

  private static Planner.Builder options() {
    return Planner.builder().modularMoe(PIECES).maxTokens(TOKENS);
  }

  private static float[] run(MoePlan plan, MemorySegment hidden, MemorySegment output) {
    try (Session session = Backends.require("reference").prepare(plan)) {
      session.run(hidden, TOKENS, output);
      return output.toArray(JAVA_FLOAT);
    }
  }

  private static MemorySegment hidden() {
    Random random = new Random(5);
    float[] rows = new float[TOKENS * HIDDEN];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (float) random.nextGaussian();
    }
    return MemorySegment.ofArray(rows);
  }

  @Test
  void finalizeThatReadsHiddenStatesIsStagedInPlace() {
    BucketPlan bucket = options().inPlace(true).build().plan(LAYER).bucket(TOKENS);

    assertThat(bucket.steps().getLast().operation())
        .isEqualTo(new RowOperation.Copy(Operand.STAGED_OUT, Operand.OUTPUT));
  }

  @Test
  void inPlaceGivesTheSameAsWithAnOutputOfItsOwn() {
    float[] apart =
        run(
            options().build().plan(LAYER),
            hidden(),
            MemorySegment.ofArray(new float[TOKENS * HIDDEN]));
    MemorySegment both = hidden();

    assertThat(run(options().inPlace(true).build().plan(LAYER), both, both)).isEqualTo(apart);
  }

  @Test
  void verifierRefusesTheSameStepWithoutStaging() {
    BucketPlan plan = options().build().plan(LAYER).bucket(TOKENS);
    BucketPlan inPlace =
        PlanMutant.moved(plan, 0, Operand.HIDDEN, plan.buffer(0, Operand.OUTPUT).location());

    assertThatThrownBy(() ->
            PlanVerifier.verify(
                inPlace, List.of(Set.copyOf(new UnreducedExperts().capabilities()))))
        .isInstanceOf(PlanException.class)
        .hasMessageContainingAll("\"add backwards\"", "layer 0 hidden", "layer 0 output");
  }
}
