package dev.tornadomoe.plan.explain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubExperts;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Step;
import dev.tornadomoe.tensor.text.ByteSize;
import java.util.List;
import org.junit.jupiter.api.Test;

class ExplainTextTest {
  private static SeededLayers model() {
    return SeededLayers.of(24, 10, 6, 2).shared(7, false);
  }

  @Test
  void givesTheFiguresBeforeAndAfter() {
    String text =
        squeezed(Explanation.of(Planner.builder().build().plan(model().layers(48)), 1).text());

    assertThat(text)
        .contains(
            "48 layers, M = 1 (planned for 1 to 4 tokens, at most 64 per call)",
            "H 24, I 10, E 6, top-2, shared expert I 7; weights F32",
            "copies fused_out -> output 48 0",
            // 48 rows of 24 floats, 4608 bytes.
            "bytes copied 4.5 KiB 0 B",
            // Of eight operations the alias takes the copy and folding the addition.
            "operations 384 288");
  }

  @Test
  void givesTheSizesOfEachLayerWhereTheyDiffer() {
    String text =
        Explanation.of(
                Planner.builder()
                    .build()
                    .plan(
                        List.of(
                            model().layer(),
                            SeededLayers.of(24, 12, 6, 3).index(1).int4().layer())),
                1)
            .text();

    assertThat(text)
        .contains(
            "\n  H 24, I 10, E 6, top-2, shared expert I 7; weights F32\n",
            "\n  H 24, I 12, E 6, top-3; weights int4 g4 (F32 scales)\n");
  }

  @Test
  void saysWorkspaceBeforeAndAfter() {
    MoePlan plan = Planner.builder().build().plan(model().layers(2));
    BucketPlan bucket = plan.bucket(1);

    assertThat(squeezed(Explanation.of(plan).text()))
        .contains(
            "workspace "
                + ByteSize.format(bucket.baseline().workspaceBytes())
                + " "
                + ByteSize.format(bucket.workspaceBytes()));
  }

  @Test
  void saysSuccessAsSuccess() {
    String text = Explanation.of(Planner.builder().build().plan(model().layer())).text();

    assertThat(text)
        .contains("fused_out is output, the same memory")
        .contains("ALIASED: the experts write the caller's output, nothing is copied")
        .doesNotContain("fused_out is not output");
  }

  @Test
  void givesEveryRefusalWithItsHazard() {
    StubExperts late = StubExperts.of(StubBody.lateReader());
    String text =
        Explanation.of(
                Planner.builder()
                    .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), late))
                    .inPlace(true)
                    .build()
                    .plan(SeededLayers.small()))
            .text();

    assertThat(text)
        .contains("fused_out is not output")
        .contains("INPUT_READ_AFTER_WRITE: the experts read the hidden states after writing")
        .contains("\"input again\" after \"from scratch\" wrote over it");
  }

  @Test
  void describesLayersThatArePlannedAlikeOnce() {
    String text =
        Explanation.of(Planner.builder().build().plan(model().index(5).layers(48)), 64).text();

    assertThat(text).contains("layers 5-52, all alike: experts \"hybrid\"");
    assertThat(text.split("group by expert", -1)).hasSize(2);
  }

  @Test
  void describesLayersThatDifferApart() {
    List<MoeLayer> layers =
        List.of(
            SeededLayers.of(24, 10, 6, 2).index(0).layer(),
            SeededLayers.of(24, 10, 6, 2).index(1).layer(),
            SeededLayers.of(24, 12, 6, 2).index(2).layer());

    assertThat(Explanation.of(Planner.builder().build().plan(layers)).text())
        .contains("layers 0-1, all alike", "layer 2: experts");
  }

  @Test
  void describesLayersOfOtherExpertsApartEvenWhereTheyDoTheSame() {
    Planner planner =
        Planner.builder()
            .modularMoe(layer -> ExpertsCatalog.named(layer.index() == 0 ? "hybrid" : "fused"))
            .build();

    assertThat(Explanation.of(planner.plan(SeededLayers.of(24, 10, 6, 2).layers(2)), 64).text())
        .contains("layer 0: experts \"hybrid\"", "layer 1: experts \"fused\"");
  }

  @Test
  void listsStepsAndBuffersOfTheLayer() {
    BucketPlan bucket = Planner.builder().build().plan(model().layer()).bucket(1);
    String text = Explanation.of(Planner.builder().build().plan(model().layer())).text();

    for (Step step : bucket.steps()) {
      assertThat(text).contains(step.operation().name().split("(?= \\+ )"));
    }
    assertThat(text).contains("output = fused_out").contains("caller's hidden");
    assertThat(squeezed(text)).contains("hidden F32 [4, 24] 384 0-4 caller's hidden");
  }

  @Test
  void linesFitATerminalAndLongListsGoOnBelow() {
    MoeLayer layer = SeededLayers.of(24, 10, 6, 2).shared(8, true).layer();
    String text = Explanation.of(Planner.builder().build().plan(layer)).text();

    assertThat(text.lines()).allMatch(line -> line.length() <= 100);
    assertThat(squeezed(text))
        .contains("down + weight + reduce activated, topk_ids, topk_weights, output")
        .contains("+ shared_out shared_out");
  }

  @Test
  void listsTheOtherTokenCounts() {
    String text =
        squeezed(
            Explanation.of(
                    Planner.builder()
                        .modularMoe(ExpertsCatalog.named("hybrid"))
                        .build()
                        .plan(SeededLayers.of(8, 6, 4, 2).int4().layers(3)),
                    2)
                .text());

    assertThat(text).contains("0 0 0 0 B NO_TOKENS").contains("1-4 3 0 ").contains("5-64 3 0 ");
  }

  @Test
  void zeroTokensExplainToo() {
    String text = Explanation.of(Planner.builder().build().plan(model().layers(3)), 0).text();

    assertThat(squeezed(text))
        .contains("3 layers, M = 0", "NO_TOKENS: there are no tokens, so nothing is written")
        .contains("copies fused_out -> output 0 0", "bytes copied 0 B 0 B");
  }

  @Test
  void isWhatAnExplanationPrintsAs() {
    Explanation explanation = Explanation.of(Planner.builder().build().plan(model().layer()));

    assertThat(explanation).hasToString(explanation.text());
  }

  /// Columns are aligned with spaces, which is not what these tests are about.
  private static String squeezed(String text) {
    return text.replaceAll(" +", " ");
  }
}
