package dev.tornadomoe.plan;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.SanitizeException;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.FusedExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubExperts;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Experts that were granted the alias and break what they promised for it: the checked mode finds
/// out. Row 3 of the legality table, and liars about in place.
class AliasBreachTest {
  private static final int HIDDEN = 8;
  private static final int TOKENS = 3;
  private static final MoeLayer LAYER = SeededLayers.of(HIDDEN, 6, 4, 2).index(6).layer();

  /// Declares to read its input and write its rows, and does what the function does.
  private static StubExperts writing(CustomOperation.HostFunction function) {
    return StubExperts.of((problem, input, weights) ->
        List.of(
            new CustomOperation(
                "rows",
                List.of(
                    new Access(Operand.HIDDEN, Access.Mode.READ),
                    new Access(Operand.FUSED_OUT, Access.Mode.OVERWRITE)),
                function)));
  }

  private static void copyRow(CustomOperation.OperandMemory memory, int from, int to) {
    for (int c = 0; c < HIDDEN; c++) {
      memory
          .of(Operand.FUSED_OUT)
          .setAtIndex(
              JAVA_FLOAT_UNALIGNED,
              (long) to * HIDDEN + c,
              memory.of(Operand.HIDDEN).getAtIndex(JAVA_FLOAT_UNALIGNED, (long) from * HIDDEN + c));
    }
  }

  private static void runSanitized(StubExperts experts, boolean inPlace) {
    Planner.Builder planner =
        Planner.builder()
            .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), experts))
            .requireAlias(true)
            .sanitize(true)
            .maxTokens(TOKENS);
    if (inPlace) {
      planner.inPlace(true);
    }
    float[] rows = new float[TOKENS * HIDDEN];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = i;
    }
    MemorySegment hidden = MemorySegment.ofArray(rows);
    MemorySegment output = inPlace ? hidden : MemorySegment.ofArray(new float[TOKENS * HIDDEN]);
    try (Session session = Backends.require("reference").prepare(planner.build().plan(LAYER))) {
      session.run(hidden, TOKENS, output);
    }
  }

  @Test
  void outputThatIsNeverWritten() {
    assertThatThrownBy(() -> runSanitized(writing((memory, tokens) -> {}), false))
        .isInstanceOf(SanitizeException.class)
        .hasMessageContainingAll("OUTPUT_NOT_WRITTEN", "layer 6", "\"stub\"", "row 0, column 0");
  }

  @Test
  void outputWithARowLeftOut() {
    StubExperts forgetful =
        writing((memory, tokens) -> {
          copyRow(memory, 0, 0);
          copyRow(memory, 2, 2);
        });

    assertThatThrownBy(() -> runSanitized(forgetful, false))
        .isInstanceOf(SanitizeException.class)
        .hasMessageContainingAll("OUTPUT_NOT_WRITTEN", "row 1, column 0");
  }

  @Test
  void inputThatIsReadAfterItWasWrittenOverInPlace() {
    StubExperts lying =
        writing(
                (memory, tokens) -> {
                  for (int t = 0; t < tokens; t++) {
                    copyRow(memory, tokens - 1 - t, t);
                  }
                })
            .with(Capability.INPUT_CONSUMED_BEFORE_OUTPUT);

    assertThatCode(() -> runSanitized(lying, false)).doesNotThrowAnyException();
    assertThatThrownBy(() -> runSanitized(lying, true))
        .isInstanceOf(SanitizeException.class)
        .hasMessageContainingAll("layer 6", "another result with the output alias than without");
  }

  @Test
  void inputThatIsChanged() {
    StubBody honest = StubBody.oneStep();
    StubExperts careless =
        StubExperts.of((problem, input, weights) ->
            List.of(
                new CustomOperation(
                    "scale input",
                    List.of(Access.read(Operand.HIDDEN)),
                    (memory, tokens) ->
                        memory.of(Operand.HIDDEN).setAtIndex(JAVA_FLOAT_UNALIGNED, 2, 99)),
                honest.operations(problem, input, weights).getFirst()));

    // Element 2 begins at byte 8; the floats 2 and 99 differ from their third byte on.
    assertThatThrownBy(() -> runSanitized(careless, false))
        .isInstanceOf(SanitizeException.class)
        .hasMessageContainingAll("layer 6", "changed the caller's hidden", "byte 10");
  }

  @Test
  void tokensWithoutLocalExpertsGetZerosInAnOutputFullOfOtherThings() {
    MoeLayer partial = SeededLayers.of(HIDDEN, 6, 4, 2).map(-1, 0, -1, -1).layer();
    MoePlan plan =
        Planner.builder()
            .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), new FusedExperts()))
            .requireAlias(true)
            .callerRoutes(true)
            .build()
            .plan(partial);
    float[] output = new float[2 * HIDDEN];
    Arrays.fill(output, Float.NaN);
    try (Session session = Backends.require("reference").prepare(plan)) {
      session.run(
          new MoeCall()
              .hidden(ones(2 * HIDDEN), 2)
              .routing(MemorySegment.ofArray(new int[] {0, 3, 2, 1}), ones(4))
              .output(MemorySegment.ofArray(output)));
    }

    assertThat(Arrays.copyOf(output, HIDDEN)).containsOnly(0);
    assertThat(Arrays.copyOfRange(output, HIDDEN, 2 * HIDDEN)).doesNotContain(0, Float.NaN);
  }

  private static MemorySegment ones(int count) {
    float[] ones = new float[count];
    Arrays.fill(ones, 1);
    return MemorySegment.ofArray(ones);
  }
}
