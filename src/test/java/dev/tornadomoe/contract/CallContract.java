package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.PlanOptions;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Which calls every backend must refuse, in one sentence.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class CallContract extends BackendContract {
  private static final MoeLayer LAYER = RandomLayer.of(LayerSpec.odd(), 41);
  private static final int H = 96;

  /// Calls that are refused share a session for each kind of plan: they must do it no harm.
  private final Map<PlanOptions, Session> sessions = new HashMap<>();

  @AfterAll
  void close() {
    sessions.values().forEach(Session::close);
  }

  /// For as few tokens as the calls have.
  private static Planner.Builder planner() {
    return Planner.builder().maxTokens(2);
  }

  private void refuses(Planner.Builder planner, MoeCall call, String... words) {
    MoePlan plan = planner.build().plan(LAYER);
    Session session = sessions.computeIfAbsent(plan.options(), options -> backend().prepare(plan));
    assertThatThrownBy(() -> session.run(call))
        .isInstanceOf(MoeException.class)
        .hasMessageContainingAll(words);
    // A refused call leaves the session usable.
    if (plan.options().call().equals(CallSpec.DEFAULT)) {
      session.run(Rows.of(new float[H]), 1, Rows.of(new float[H]));
    }
  }

  private static MoeCall call(int tokens, int hidden, int output) {
    return new MoeCall()
        .hidden(Rows.of(new float[hidden]), tokens)
        .output(Rows.of(new float[output]));
  }

  @ParameterizedTest
  @CsvSource({
    "2, 192, 96, output",
    "2, 192, 193, output",
    "2, 96, 192, hidden",
    "1, 97, 96, hidden"
  })
  void refusesWrongSizes(int tokens, int hidden, int output, String what) {
    refuses(planner(), call(tokens, hidden, output), what, "bytes", "expected");
  }

  @Test
  void refusesNegativeTokens() {
    refuses(planner(), call(-1, H, H), "a call can't have -1 tokens");
  }

  @Test
  void refusesMoreTokensThanPlanned() {
    refuses(planner().maxTokens(1), call(2, 2 * H, 2 * H), "at most 1", "2", "maxTokens(2)");
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 1})
  void refusesLayersThatAreNotPlanned(int place) {
    refuses(planner(), call(1, H, H).layer(place), "layers 0 to 0", "layer " + place);
  }

  @Test
  void refusesMissingArguments() {
    refuses(planner(), new MoeCall().output(Rows.of(new float[H])), "no hidden");
    refuses(planner(), new MoeCall().hidden(Rows.of(new float[H]), 1), "no output");
    refuses(planner().residual(Residual.GIVEN), call(1, H, H), "no residual");
    refuses(planner().callerRoutes(true), call(1, H, H), "no topk_ids");
  }

  @Test
  void refusesArgumentsThatWereNotPlanned() {
    refuses(planner(), call(1, H, H).residual(Rows.of(new float[H])), "residual", "NONE");
    refuses(
        planner(),
        call(1, H, H).routing(Rows.of(new int[3]), Rows.of(new float[3])),
        "ids and weights",
        "router");
  }

  @Test
  void seesOverlapsThroughReadOnlyViewsOfArrays() {
    MemorySegment memory = Rows.of(new float[3 * H]);
    refuses(
        planner(),
        new MoeCall()
            .hidden(memory.asReadOnly().asSlice(0, 8 * H), 2)
            .output(memory.asSlice(4 * H, 8 * H)),
        "OVERLAPS_INPUT: output overlaps hidden");
    float[] rows = new float[H];
    try (Session session = backend().prepare(planner().inPlace(true).build().plan(LAYER))) {
      session.run(Rows.of(rows).asReadOnly(), 1, Rows.of(rows));
    }
  }

  @Test
  void outputMustBeAlignedAsThePlanWasPromised() {
    MemorySegment memory = Arena.ofAuto().allocate(8 * H, 64);
    MemorySegment hidden = Rows.of(Rows.random(H, 47));
    refuses(
        planner().outputAlignment(64),
        new MoeCall().hidden(hidden, 1).output(memory.asSlice(4, 4 * H)),
        "LAYOUT_MISMATCH",
        "64");
    refuses(
        planner(),
        new MoeCall().hidden(hidden, 1).output(memory.asSlice(2, 4 * H)),
        "LAYOUT_MISMATCH",
        "4");
    float[] expected = new float[H];
    try (Session session = backend().prepare(planner().build().plan(LAYER));
        Session unaligned = backend().prepare(planner().outputAlignment(1).build().plan(LAYER))) {
      session.run(hidden, 1, Rows.of(expected));
      unaligned.run(hidden, 1, memory.asSlice(2, 4 * H));
      assertThat(unaligned.copies()).isEqualTo(1);
    }
    assertThat(memory.asSlice(2, 4 * H).mismatch(Rows.of(expected))).isEqualTo(-1);
  }

  @Test
  void refusesAnOutputAmongTheWeights() {
    WeightMatrix router = LAYER.router().weight().load(Arena.ofAuto());
    refuses(
        planner(),
        call(1, H, H).output(router.memory().getFirst().asSlice(0, 4 * H)),
        "OVERLAPS_INPUT: output overlaps the weights");
  }

  @Test
  void refusesOverlaps() {
    MemorySegment memory = Rows.of(new float[3 * H]);
    refuses(
        planner(),
        new MoeCall().hidden(memory.asSlice(0, 8 * H), 2).output(memory.asSlice(4, 8 * H)),
        "OVERLAPS_INPUT",
        "hidden");
    MemorySegment same = memory.asSlice(0, 4 * H);
    refuses(planner(), new MoeCall().hidden(same, 1).output(same), "same memory", "hidden");
    refuses(
        planner().residual(Residual.GIVEN),
        call(1, H, H).output(same).residual(memory.asSlice(8, 4 * H)),
        "OVERLAPS_INPUT",
        "residual");
    refuses(
        planner().inPlace(true),
        new MoeCall().hidden(same, 1).output(memory.asSlice(4 * H, 4 * H)),
        "in place",
        "same memory");
    refuses(
        planner().callerRoutes(true),
        call(1, H, H).output(same).routing(memory.asSlice(0, 12), Rows.of(new float[3])),
        "OVERLAPS_INPUT",
        "topk_ids");
  }

  @Test
  void refusesMemoryThatCannotBeUsed() {
    refuses(
        planner(),
        call(1, H, H).output(Rows.of(new float[H]).asReadOnly()),
        "LAYOUT_MISMATCH",
        "read-only");
    MemorySegment closed;
    try (Arena arena = Arena.ofShared()) {
      closed = arena.allocate(4 * H, 4);
      refuses(
          planner(),
          call(1, H, H).output(arena.allocate(4 * H + 1).asSlice(1, 4 * H)),
          "LAYOUT_MISMATCH",
          "multiple of 4");
    }
    refuses(planner(), call(1, H, H).output(closed), "MEMORY_KIND", "closed");
    try (Arena arena = Arena.ofConfined()) {
      refuses(
          planner(),
          call(1, H, H).output(arena.allocate(4 * H, 4)),
          "MEMORY_KIND",
          "one thread",
          "Arena.ofShared()");
    }
  }

  @ParameterizedTest
  @CsvSource({"0|1|5, expert 5", "0|-1|2, expert -1", "2|1|2, expert 2 twice"})
  void refusesIdsThatNameNoExpertsOrOneTwice(String ids, String words) {
    String[] texts = ids.split("\\|");
    int[] twoTokens = {
      0, 1, 2, Integer.parseInt(texts[0]), Integer.parseInt(texts[1]), Integer.parseInt(texts[2])
    };
    refuses(
        planner().callerRoutes(true),
        call(2, 2 * H, 2 * H).routing(Rows.of(twoTokens), Rows.of(new float[6])),
        words,
        "token 1");
  }

  @ParameterizedTest
  @CsvSource({"0, 5, expert 5", "0, -1, expert -1", "3, 3, expert 3 twice"})
  void refusesWhatAUsersRoutingFunctionMustNotChoose(int first, int second, String words) {
    CustomGating gating =
        new CustomGating(
            2,
            (logits, ids, weights) -> {
              ids[0] = first;
              ids[1] = second;
            });
    MoeLayer layer = RandomLayer.of(LayerSpec.odd().with("custom", gating, false), 42);
    MoePlan plan = planner().build().plan(layer);
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      assertThatThrownBy(() -> session.run(call(1, H, H)))
          .isInstanceOf(MoeException.class)
          .hasMessageContaining(words);
    }
  }
}
