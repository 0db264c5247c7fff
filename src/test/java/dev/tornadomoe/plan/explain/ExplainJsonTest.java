package dev.tornadomoe.plan.explain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubExperts;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.jr.ob.JSON;

class ExplainJsonTest {
  private static final JsonFactory STRICT =
      JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private static Map<String, Object> parsed(Explanation explanation) {
    return JSON.builder(STRICT).build().mapFrom(explanation.json());
  }

  private static Explanation explain(AliasMode mode, int layers, int tokens) {
    return Explanation.of(
        Planner.builder()
            .outputAliasing(mode)
            .build()
            .plan(SeededLayers.of(24, 10, 6, 2).index(3).layers(layers)),
        tokens);
  }

  @Test
  void oneAliasedLayer() {
    Map<String, Object> root = parsed(explain(AliasMode.AUTO, 1, 2));

    assertThat(root)
        .containsEntry("tokens", 2)
        .containsEntry("copies_per_step", 0)
        .containsEntry("copies_per_step_before", 1)
        .containsEntry("bytes_copied_per_step", 0)
        .containsEntry("bytes_copied_per_step_before", 2 * 24 * 4)
        .containsEntry("bucket", Map.of("min_tokens", 1, "max_tokens", 4));
    assertThat(layers(root)).hasSize(1);
    assertThat(layers(root).getFirst())
        .containsEntry("layer", 3)
        .containsEntry("experts", "hybrid")
        .containsEntry("prepare_finalize", "local");
    assertThat(map(layers(root).getFirst().get("alias")))
        .containsEntry("decision", "aliased")
        .containsEntry("reason", "ALIASED");
  }

  @Test
  void fortyEightLayers() {
    Map<String, Object> off = parsed(explain(AliasMode.OFF, 48, 1));
    Map<String, Object> on = parsed(explain(AliasMode.AUTO, 48, 1));
    MoePlan plan = Planner.builder().build().plan(SeededLayers.of(24, 10, 6, 2).layers(48));

    assertThat(off)
        .containsEntry("copies_per_step", 48)
        .containsEntry("bytes_copied_per_step", 48 * 24 * 4);
    assertThat(on)
        .containsEntry("copies_per_step", 0)
        .containsEntry("copies_per_step_before", 48)
        .containsEntry("workspace_bytes", (int) plan.bucket(1).workspaceBytes());
    assertThat(layers(on)).hasSize(48);
    for (int i = 0; i < 48; i++) {
      assertThat(layers(on).get(i)).containsEntry("layer", 3 + i);
      assertThat(map(layers(off).get(i).get("alias")))
          .containsEntry("decision", "refused")
          .containsEntry("reason", "DISABLED_BY_USER");
    }
  }

  @Test
  void stepsSayWhatTheyReadAndWrite() {
    List<Map<String, Object>> steps =
        list(layers(parsed(explain(AliasMode.AUTO, 1, 64))).getFirst().get("steps"));

    assertThat(steps)
        .extracting(step -> step.get("operation"))
        .containsExactly(
            "router logits",
            "select top-k",
            "group by expert",
            "grouped gate/up",
            "grouped down",
            "weight + reduce");
    assertThat(steps.getLast())
        .containsEntry("step", 5)
        .containsEntry("phase", "experts")
        .containsEntry("reads", List.of("expert_rows", "topk_ids", "topk_weights"))
        .containsEntry("writes", List.of("output"));
  }

  @Test
  void buffersSayWhereTheyAre() {
    List<Map<String, Object>> buffers =
        list(layers(parsed(explain(AliasMode.AUTO, 1, 64))).getFirst().get("buffers"));
    Map<String, Object> output = named(buffers, "output");
    Map<String, Object> activated = named(buffers, "activated");

    assertThat(output)
        .containsEntry("dtype", "F32")
        .containsEntry("shape", List.of(64, 24))
        .containsEntry("bytes", 64 * 24 * 4)
        .containsEntry("place", "caller")
        .containsEntry("region", "output");
    assertThat((List<?>) output.get("operands")).hasSize(2).asString().contains("fused_out");
    assertThat(activated)
        .containsEntry("shape", List.of(128, 10))
        .containsEntry("bytes", 128 * 10 * 4)
        .containsEntry("place", "workspace");
    assertThat(map(activated.get("slot")))
        .containsEntry("bytes", 128 * 10 * 4)
        .containsKey("offset");
  }

  @Test
  void refusalsGiveAllReasonsAndTheHazard() {
    StubExperts late = StubExperts.of(StubBody.lateReader()).named("late \"reader\" <1>");
    Explanation explanation =
        Explanation.of(
            Planner.builder()
                .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), late))
                .inPlace(true)
                .residual(Residual.IN_OUTPUT)
                .build()
                .plan(SeededLayers.small()));
    Map<String, Object> layer = layers(parsed(explanation)).getFirst();
    List<Map<String, Object>> reasons = list(map(layer.get("alias")).get("reasons"));

    assertThat(layer).containsEntry("experts", "late \"reader\" <1>");
    assertThat(reasons)
        .extracting(reason -> reason.get("code"))
        .containsExactly("INPUT_READ_AFTER_WRITE", "WRITE_MODE_CONFLICT");
    assertThat(map(reasons.getFirst().get("hazard")))
        .isEqualTo(
            Map.of(
                "value", "hidden",
                "definition", "the caller",
                "read", "input again",
                "conflicting_write", "from scratch"));
  }

  @Test
  void zeroTokensExplainToo() {
    Map<String, Object> root = parsed(explain(AliasMode.AUTO, 2, 0));

    assertThat(root).containsEntry("copies_per_step", 0).containsEntry("workspace_bytes", 0);
    assertThat(layers(root))
        .hasSize(2)
        .allSatisfy(layer -> {
          assertThat(map(layer.get("alias")))
              .containsEntry("decision", "refused")
              .containsEntry("reason", "NO_TOKENS");
          assertThat(list(layer.get("steps"))).isEmpty();
          assertThat(list(layer.get("buffers"))).isEmpty();
        });
  }

  private static List<Map<String, Object>> layers(Map<String, Object> root) {
    return list(root.get("layers"));
  }

  private static Map<String, Object> named(List<Map<String, Object>> buffers, String name) {
    return buffers.stream().filter(b -> name.equals(b.get("name"))).findFirst().orElseThrow();
  }

  @SuppressWarnings("unchecked") // what JSON objects are parsed to
  private static Map<String, Object> map(Object value) {
    return (Map<String, Object>) value;
  }

  @SuppressWarnings("unchecked") // arrays of JSON objects
  private static List<Map<String, Object>> list(Object value) {
    return (List<Map<String, Object>>) value;
  }
}
