package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.backend.SanitizeException;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.modular.Access;
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
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/// A whole step in one call is what its layers are when they are called in turn.
public abstract class StepContract extends BackendContract {
  private static final int H = 96;
  private static final int TOP_K = 3;

  private static final LayerSpec SPEC =
      LayerSpec.odd().with(WeightFormat.int4(DType.F16, 32, true, false)).withShared(24, true);

  /// They differ in everything that the layers of a step may differ in.
  private static final List<MoeLayer> LAYERS =
      List.of(
          RandomLayer.of(SPEC.sized(H, 56, 7, TopKGating.softmax(TOP_K, false)), 91),
          RandomLayer.of(LayerSpec.odd(), 92),
          RandomLayer.of(SPEC, 93));

  /// A way to call a step.
  ///
  /// @param isNarrow whether a narrow sweep has it: no other has all that it has
  private record Way(
      String name, boolean inChunks, boolean isNarrow, UnaryOperator<Planner.Builder> options) {}

  private static final List<Way> WAYS =
      List.of(
          new Way("as it is", false, true, planner -> planner),
          new Way("unaliased", false, true, planner -> planner.outputAliasing(AliasMode.OFF)),
          new Way("in chunks", true, false, planner -> planner),
          new Way("in place", false, false, planner -> planner.inPlace(true)),
          new Way("in place, in chunks", true, true, planner -> planner.inPlace(true)),
          new Way("in output", false, false, planner -> planner.residual(Residual.IN_OUTPUT)),
          new Way(
              "both", false, true, planner -> planner.inPlace(true).residual(Residual.IN_OUTPUT)),
          new Way("residual given", false, true, planner -> planner.residual(Residual.GIVEN)),
          new Way("output BF16", false, true, planner -> planner.outputType(DType.BF16)),
          new Way("strided", false, true, planner -> planner.outputStride(H + 5)),
          new Way("caller routes", false, false, planner -> planner.callerRoutes(true)),
          new Way("caller routes, in chunks", true, true, planner -> planner.callerRoutes(true)));

  @TestFactory
  Stream<DynamicTest> equalsItsLayersCalledInTurn() {
    boolean isFull = breadth() == Breadth.FULL;
    List<Way> ways = WAYS.stream().filter(way -> isFull || way.isNarrow()).toList();
    return breadth().each(ways.size(), 2).stream()
        .map(row -> {
          Way way = ways.get(row[0]);
          boolean sanitize = row[1] == 1;
          return DynamicTest.dynamicTest(
              way.name() + (sanitize ? ", sanitised" : ""),
              () -> equalsItsLayersCalledInTurn(way, sanitize));
        });
  }

  /// Narrow sweeps have two of the layers, and more than one token only in chunks.
  private void equalsItsLayersCalledInTurn(Way way, boolean sanitize) {
    boolean isFull = breadth() == Breadth.FULL;
    List<MoeLayer> model = isFull ? LAYERS : LAYERS.subList(0, 2);
    int most = isFull ? 8 : way.inChunks() ? 2 : 1;
    Supplier<Planner.Builder> planner =
        () -> {
          Planner.Builder builder =
              way.options().apply(Planner.builder()).maxTokens(most).sanitize(sanitize);
          return way.inChunks() ? builder.chunkTokens(isFull ? 3 : 1) : builder;
        };
    try (Session each = backend().prepare(planner.get().build().plan(model));
        Session all = each.fork(planner.get().wholeStep(true).build().plan(model))) {
      if (sanitize) { // where that is one round: what it leaves behind would show
        each.warmUp();
        assertThat(each.tasks() + each.copies()).isZero();
      }
      for (int tokens : new int[] {0, 1, most}) {
        MoeCall call = call(each.plan().options().call(), tokens);
        for (int place = 0; place < model.size(); place++) {
          each.run(call.layer(place));
        }
        MoeCall once = call(each.plan().options().call(), tokens);
        all.run(once);
        assertThat(bytes(once)).isEqualTo(bytes(call));
        assertThat(all.copies()).isEqualTo(each.copies());
        assertThat(all.tasks()).isEqualTo(each.tasks());
      }
    }
  }

  private static byte[] bytes(MoeCall call) {
    MemorySegment output = call.output();
    return output == null ? new byte[0] : output.toArray(ValueLayout.JAVA_BYTE);
  }

  /// The same arguments for every call of this many tokens.
  private static MoeCall call(CallSpec spec, int tokens) {
    int width = spec.outputStride() == 0 ? H : spec.outputStride();
    MemorySegment hidden = Rows.of(Rows.random(tokens * H, 94));
    MemorySegment output =
        spec.outputType() == DType.F32
            ? Rows.of(Rows.random(tokens * width, 95))
            : MemorySegment.ofArray(new short[tokens * width]);
    MoeCall call = new MoeCall().hidden(hidden, tokens).output(spec.inPlace() ? hidden : output);
    if (spec.residual() == Residual.GIVEN) {
      call.residual(Rows.of(Rows.random(tokens * H, 96)));
    }
    if (spec.callerRoutes()) {
      int[] ids = new int[tokens * TOP_K];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = (i / TOP_K + i) % 5;
      }
      call.routing(Rows.of(ids), Rows.of(Rows.random(ids.length, 97)));
    }
    return call;
  }

  /// In chunks: each task that the session counted is there once, with its layer, and together they
  /// took no longer than the call.
  @Test
  void profilesEveryTask() {
    MoePlan plan =
        Planner.builder().maxTokens(2).chunkTokens(1).wholeStep(true).build().plan(LAYERS);
    try (Session session = backend().prepare(plan)) {
      MoeCall call = call(CallSpec.DEFAULT, 2);
      MoeCall profiled = call(CallSpec.DEFAULT, 2);
      session.run(call);
      long tasks = session.tasks();
      long start = System.nanoTime();
      Profile profile = session.profile(profiled).orElseThrow();
      double micros = (System.nanoTime() - start) / 1e3;

      assertThat(bytes(profiled)).isEqualTo(bytes(call));
      assertThat(session.tasks()).isEqualTo(2 * tasks);
      assertThat(profile.tasks())
          .hasSize(Math.toIntExact(tasks))
          .allSatisfy(task -> assertThat(task.micros()).isNotNegative());
      List<Integer> layers = profile.tasks().stream().map(Profile.Task::layer).toList();
      List<Integer> chunk = layers.subList(0, layers.size() / 2);
      assertThat(chunk).isSorted().contains(0, 1, 2);
      assertThat(layers.subList(chunk.size(), layers.size())).isEqualTo(chunk);
      assertThat(profile.micros()).isPositive().isLessThan(micros);
      assertThat(profile.microsByOperation().values().stream().mapToDouble(t -> t).sum())
          .isCloseTo(profile.micros(), within(1e-6 * micros));
    }
  }

  @Test
  void refusesToBeginInTheMiddle() {
    Planner planner = Planner.builder().maxTokens(1).wholeStep(true).build();
    try (Session session = backend().prepare(planner.plan(LAYERS))) {
      MoeCall call = call(CallSpec.DEFAULT, 1);
      assertThatThrownBy(() -> session.run(call.layer(1)))
          .isInstanceOf(BackendException.class)
          .hasMessage(
              "the plan runs all its layers in each call, which must be for layer 0; the call is"
                  + " for layer 1");
      session.run(call.layer(0));
    }
  }

  @Test
  void idsMustBeRightForEveryLayerBeforeTheFirstOneRuns() {
    Planner planner = Planner.builder().maxTokens(1).wholeStep(true).callerRoutes(true).build();
    try (Session session = backend().prepare(planner.plan(LAYERS))) {
      float[] output = new float[H];
      MoeCall call =
          call(session.plan().options().call(), 1)
              .output(Rows.of(output))
              .routing(Rows.of(new int[] {0, 5, 1}), Rows.of(new float[TOP_K]));
      // The first layer has 7 experts, the others 5.
      assertThatThrownBy(() -> session.run(call))
          .isInstanceOf(BackendException.class)
          .hasMessage("topk_ids has expert 5 for token 0, expected 0 to 4");
      assertThat(output).containsOnly(0f);
    }
  }

  @Test
  void sanitizeSeesALayerThatLeavesTheOutputToTheNextOne() {
    AtomicInteger calls = new AtomicInteger();
    OneStepExperts lazyAtFirst =
        new OneStepExperts(
            Access.Mode.READ,
            Access.Mode.OVERWRITE,
            (memory, tokens) -> {
              if (calls.getAndIncrement() > 0) {
                memory.of(Operand.FUSED_OUT).fill((byte) 0);
              }
            });
    Planner planner =
        Planner.builder()
            .sanitize(true)
            .wholeStep(true)
            .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), lazyAtFirst))
            .build();
    MoePlan plan = planner.plan(List.of(LAYERS.get(1), LAYERS.get(1)));
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      assertThatThrownBy(() -> session.run(call(CallSpec.DEFAULT, 2)))
          .isInstanceOf(SanitizeException.class)
          .hasMessageContainingAll("OUTPUT_NOT_WRITTEN", "row 0, column 0");
    }
  }
}
