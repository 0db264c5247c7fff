package dev.tornadomoe.backend.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/// Which calls warm a session up. That they are legal and leave nothing behind is in the contracts.
class WarmUpTest {
  private static final List<MoeLayer> LAYERS =
      List.of(RandomLayer.of(LayerSpec.odd(), 1), RandomLayer.of(LayerSpec.odd(), 2));

  @Test
  void eachLayerMeetsEachRangeOfTokensOnBothKindsOfMemory() {
    Set<String> seen = new TreeSet<>();
    new WarmUp(Planner.builder().maxTokens(300).build().plan(LAYERS), call -> seen.add(text(call)))
        .once();
    assertThat(seen)
        .containsExactly(
            "0: 1, array",
            "0: 1, native",
            "0: 16, array",
            "0: 16, native",
            "0: 4, array",
            "0: 4, native",
            "0: 5, array",
            "0: 5, native",
            "1: 1, array",
            "1: 1, native",
            "1: 16, array",
            "1: 16, native",
            "1: 4, array",
            "1: 4, native",
            "1: 5, array",
            "1: 5, native");
  }

  @Test
  void aWholeStepIsOneCall() {
    Set<String> seen = new TreeSet<>();
    new WarmUp(
            Planner.builder().maxTokens(1).wholeStep(true).build().plan(LAYERS),
            call -> seen.add(text(call)))
        .untilCompiled();
    assertThat(seen).containsExactly("0: 1, array", "0: 1, native");
  }

  private static String text(MoeCall call) {
    assertThat(call.hidden()).isNotNull();
    return call.layer()
        + ": "
        + call.tokens()
        + ", "
        + (call.hidden().isNative() ? "native" : "array");
  }

  @Test
  void aSessionCountsNoneOfIt() {
    MoePlan plan = Planner.builder().build().plan(LAYERS);
    try (Session session = Backends.require("cpu").prepare(plan)) {
      session.warmUp();
      assertThat(session.tasks() + session.copies()).isZero();
    }
  }
}
