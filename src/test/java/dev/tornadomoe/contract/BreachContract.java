package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.SanitizeException;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/// What host backends must find out about experts that do not do what they promise: vLLM's bugs
/// 50338, 54056, 29219 and 28939, as far as a plan can have them.
public abstract class BreachContract extends BackendContract {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final LayerSpec SPEC =
      LayerSpec.odd().with(WeightFormat.int4(DType.F16, 32, true, false)).withShared(24, true);
  private static final MoeLayer LAYER = RandomLayer.of(SPEC, 51);
  private static final int H = 96;
  private static final Access.Mode READ = Access.Mode.READ;
  private static final Access.Mode OVERWRITE = Access.Mode.OVERWRITE;

  private static Planner.Builder planner(CustomOperation.HostFunction function) {
    return Planner.builder()
        .sanitize(true)
        .modularMoe(
            new ModularMoe(
                new LocalPrepareAndFinalize(), new OneStepExperts(READ, OVERWRITE, function)));
  }

  private void finds(Planner.Builder planner, MoeCall call, String... words) {
    MoePlan plan = planner.build().plan(LAYER);
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      assertThatThrownBy(() -> session.run(call))
          .isInstanceOf(SanitizeException.class)
          .hasMessageContainingAll(words);
    }
  }

  private static MoeCall call(int tokens) {
    return new MoeCall()
        .hidden(Rows.of(Rows.random(tokens * H, 52)), tokens)
        .output(Rows.of(new float[tokens * H]));
  }

  /// out[i] = 2 * in[i]: sound.
  private static void doubled(CustomOperation.OperandMemory memory, int tokens) {
    MemorySegment input = memory.of(Operand.HIDDEN);
    MemorySegment output = memory.of(Operand.FUSED_OUT);
    for (long at = 0; at < tokens * H * 4L; at += 4) {
      output.set(FLOAT, at, 2 * input.get(FLOAT, at));
    }
  }

  @Test
  void letsSoundExpertsPass() {
    MoePlan plan = planner(BreachContract::doubled).build().plan(LAYER);
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      assertThatCode(() -> session.run(call(5))).doesNotThrowAnyException();
    }
  }

  /// What the JVM throws where a file's pages are gone, and in what it throws then.
  @Test
  void memoryThatCanNotBeReadIsASentence() {
    MoePlan plan =
        planner(
                (memory, tokens) -> {
                  throw new InternalError("a fault occurred in an unsafe memory access operation");
                })
            .build()
            .plan(LAYER);
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      assertThatThrownBy(() -> session.run(call(1)))
          .isInstanceOf(BackendException.class)
          .hasMessageContainingAll("can't be read", "a file has been cut short while it is in use");
    }
  }

  /// Where calls put their memory, and what the planner may do with it.
  private record Memory(String experts, AliasMode mode, Residual residual, boolean inPlace) {

    Planner.Builder planner() {
      Planner.Builder planner =
          Planner.builder()
              .sanitize(true)
              .outputAliasing(mode)
              .residual(residual)
              .modularMoe(ExpertsCatalog.named(experts));
      return inPlace ? planner.inPlace(true) : planner;
    }
  }

  @TestFactory
  Stream<DynamicTest> letsOurOwnExpertsPassInEveryMemory() {
    List<AliasMode> modes = List.of(AliasMode.AUTO, AliasMode.OFF);
    Residual[] residuals = Residual.values();
    List<Memory> memories =
        breadth().pairs(EXPERTS.size(), modes.size(), residuals.length, 2).stream()
            .map(row ->
                new Memory(EXPERTS.get(row[0]), modes.get(row[1]), residuals[row[2]], row[3] == 1))
            .toList();
    return each(memories, this::passes);
  }

  private void passes(Memory memory) {
    int[] counts = breadth() == Breadth.FULL ? new int[] {1, 6} : new int[] {1};
    int most = counts[counts.length - 1];
    MoePlan plan = memory.planner().maxTokens(most).build().plan(LAYER);
    if (isRefused(plan)) {
      return;
    }
    CallSpec spec = plan.options().call();
    try (Session session = backend().prepare(plan)) {
      for (int tokens : counts) {
        MoeCall call = call(tokens);
        if (spec.inPlace()) {
          call.output(call.hidden());
        }
        if (spec.residual() == Residual.GIVEN) {
          call.residual(Rows.of(Rows.random(tokens * H, 53)));
        }
        session.run(call);
        session.run(call);
      }
    }
  }

  @Test
  void findsOutputThatIsNotWritten() {
    finds(planner((memory, tokens) -> {}), call(3), "OUTPUT_NOT_WRITTEN", "row 0, column 0");
    finds(
        planner((memory, tokens) -> {
          doubled(memory, tokens);
          // All but one element, as an off-by-one in a tile would leave it.
          MemorySegment output = memory.of(Operand.FUSED_OUT);
          doubled(memory, tokens - 1);
          output.set(FLOAT, (2 * H + 95) * 4L, Float.intBitsToFloat(0x7FC0DEAD));
        }),
        call(3),
        "OUTPUT_NOT_WRITTEN",
        "row 2, column 95");
  }

  @Test
  void findsChangedInputs() {
    finds(
        planner((memory, tokens) -> {
          doubled(memory, tokens);
          memory.of(Operand.HIDDEN).set(FLOAT, 8, 1f);
        }),
        call(2),
        "changed the caller's hidden",
        "byte 8");
  }

  @Test
  @SuppressWarnings("restricted") // nothing else lets a step out of its buffer
  void findsWritesBehindABuffersEnd() {
    finds(
        planner(
                (memory, tokens) -> {
                  doubled(memory, tokens);
                  long end = tokens * H * 4L;
                  memory.of(Operand.FUSED_OUT).reinterpret(end + 4).set(FLOAT, end, 7f);
                })
            .outputAliasing(AliasMode.OFF)
            .maxTokens(4),
        call(4),
        "behind the end of",
        "fused_out");
  }

  @Test
  void stepSeesNoByteBeyondItsBuffer() {
    Planner planner =
        planner(
                (memory, tokens) -> {
                  doubled(memory, tokens);
                  memory.of(OneStepExperts.SCRATCH).set(FLOAT, 4 * H * 4L, 7f);
                })
            .sanitize(false)
            .maxTokens(4)
            .build();
    MoePlan plan = planner.plan(LAYER);
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      assertThatThrownBy(() -> session.run(call(4))).isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void findsResultsMadeOfUninitialisedMemory() {
    finds(
        planner((memory, tokens) -> {
          MemorySegment output = memory.of(Operand.FUSED_OUT);
          MemorySegment scratch = memory.of(OneStepExperts.SCRATCH);
          for (long at = 0; at < tokens * H * 4L; at += 4) {
            output.set(FLOAT, at, scratch.get(FLOAT, at));
          }
        }),
        call(2),
        "uninitialised");
  }

  @Test
  void findsExpertsThatLieAboutReadingTheirInputFirst() {
    finds(
        planner(
                (memory, tokens) -> {
                  MemorySegment input = memory.of(Operand.HIDDEN);
                  MemorySegment output = memory.of(Operand.FUSED_OUT);
                  for (long at = 0; at < tokens * H * 4L; at += 4) {
                    // Every element needs the first one, which is the first to be written over.
                    output.set(FLOAT, at, input.get(FLOAT, at) + input.get(FLOAT, 0));
                  }
                })
            .inPlace(true),
        inPlaceCall(),
        "another result with the output alias than without");
  }

  private static MoeCall inPlaceCall() {
    MoeCall call = call(2);
    return call.output(call.hidden());
  }

  @Test
  void refusesOneOutputForTwoCallsAtOnce() throws InterruptedException {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    Planner planner =
        planner(
                (memory, tokens) -> {
                  inside.countDown();
                  await(goOn);
                  doubled(memory, tokens);
                })
            .sanitize(false)
            .build();
    MoePlan plan = planner.plan(LAYER);
    if (isRefused(plan)) {
      return;
    }
    MemorySegment output = Rows.of(new float[2 * H]);
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    try (Session first = backend().prepare(plan);
        Session second = first.fork()) {
      Thread other =
          Thread.ofPlatform()
              .uncaughtExceptionHandler((t, e) -> thrown.set(e))
              .start(() -> first.run(call(2).output(output)));
      await(inside);
      assertThatThrownBy(() -> second.run(call(1).output(output.asSlice(4 * H))))
          .isInstanceOf(MoeException.class)
          .hasMessageContaining("DOUBLE_DONATION");
      assertThatThrownBy(() -> first.run(call(2)))
          .isInstanceOf(MoeException.class)
          .hasMessageContaining("another thread");
      assertThatThrownBy(first::close)
          .isInstanceOf(MoeException.class)
          .hasMessageContaining("running");
      goOn.countDown();
      other.join();
      second.run(call(1).output(output.asSlice(4 * H)));
    }
    assertThat(thrown.get()).isNull();
  }

  private static void await(CountDownLatch latch) {
    try {
      if (!latch.await(20, TimeUnit.SECONDS)) {
        throw new IllegalStateException("waited in vain");
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
