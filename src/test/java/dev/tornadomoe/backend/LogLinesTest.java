package dev.tornadomoe.backend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/// What an engine writes into its log is a line of it, whatever the size of the model.
class LogLinesTest {
  private static final MoeLayer LAYER =
      RandomLayer.of(
          LayerSpec.odd()
              .with(WeightFormat.int4(DType.BF16, 32, false, false))
              .withShared(24, true),
          11);

  @Test
  void aLayerSaysItsSizesAndFormats() {
    assertThat(LAYER)
        .hasToString(
            "layer 3: top-3 of 5 experts, H 96, I 40, int4 g32 (BF16 scales), shared expert");
    MoeLayer routed = new MoeLayer(7, 2, null, LAYER.experts(), null, false);
    assertThat(routed)
        .hasToString(
            "layer 7: top-2 of 5 experts, H 96, I 40, int4 g32 (BF16 scales), the caller routes");
  }

  @Test
  void plansAndSessionsSayWhatTheyAreFor() {
    MoePlan plan =
        Planner.builder().maxTokens(9).wholeStep(true).build().plan(List.of(LAYER, LAYER));
    String text = "plan of 2 layers for up to 9 tokens, precision exact, workspace ";
    assertThat(plan).asString().startsWith(text).endsWith(plan.workspaceBytes() + " bytes");
    assertThat(plan.bucket(1)).asString().startsWith("1 to 4 tokens: ").hasSizeLessThan(100);
    try (Session session = Backends.require("cpu").prepare(plan)) {
      assertThat(session).hasToString("session of backend \"cpu\", " + plan);
    }
    try (Session session = Backends.require("cpu").prepare(Planner.builder().build().plan(LAYER))) {
      assertThat(session).asString().contains("plan of 1 layer for up to 64 tokens");
    }
  }
}
