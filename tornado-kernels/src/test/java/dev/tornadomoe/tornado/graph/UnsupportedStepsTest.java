package dev.tornadomoe.tornado.graph;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tornado.TornadoBackend;
import java.util.List;
import org.junit.jupiter.api.Test;

/// What the backend says of plans that no device can run, without one.
class UnsupportedStepsTest {

  @Test
  void aPlanThatDevicesRunHasNone() {
    assertThat(unsupported(LayerSpec.odd().withShared(24, true), Planner.builder())).isEmpty();
    assertThat(unsupported(LayerSpec.odd().withIdentities(2), Planner.builder())).isEmpty();
    assertThat(
            unsupported(LayerSpec.odd().withInputNorms().withShared(24, true), Planner.builder()))
        .isEmpty();
  }

  @Test
  void namesEachStepOnce() {
    Planner.Builder batched = Planner.builder().modularMoe(ExpertsCatalog.named("batched"));
    assertThat(unsupported(LayerSpec.odd(), batched))
        .hasSize(4)
        .contains(
            "layer 3: step \"dispatch\" can't run on a device; backends cpu and reference run it")
        .allSatisfy(sentence -> assertThat(sentence).contains("layer 3: step \"", "can't run"));
  }

  @Test
  void namesAFunctionOfTheUsersOwn() {
    LayerSpec own =
        LayerSpec.odd().with("own", new CustomGating(1, (logits, ids, weights) -> {}), false);
    assertThat(unsupported(own, Planner.builder()))
        .singleElement()
        .asString()
        .contains("layer 3", "routing function of the user's own", "callerRoutes");
  }

  private static List<String> unsupported(LayerSpec spec, Planner.Builder planner) {
    return new TornadoBackend()
        .unsupported(planner.maxTokens(33).build().plan(RandomLayer.of(spec, 11)));
  }
}
