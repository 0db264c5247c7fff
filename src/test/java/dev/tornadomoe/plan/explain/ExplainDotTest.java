package dev.tornadomoe.plan.explain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubExperts;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.plan.Step;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExplainDotTest {
  private static final Pattern STRING = Pattern.compile("\"(?:[^\"\\\\]|\\\\.)*\"");
  private static final Pattern NODE = Pattern.compile("^ *([bs]\\d+) \\[", Pattern.MULTILINE);
  private static final Pattern EDGE =
      Pattern.compile("^ *([bs]\\d+) -> ([bs]\\d+);$", Pattern.MULTILINE);

  @ParameterizedTest
  @ValueSource(strings = {"fused", "unreduced", "batched"})
  void isBalancedAndNamesEveryStep(String pieces) {
    MoePlan plan =
        Planner.builder()
            .modularMoe(ExpertsCatalog.named(pieces))
            .residual(Residual.GIVEN)
            .build()
            .plan(SeededLayers.of(8, 6, 4, 2).shared(5, true).layer());
    String dot = Explanation.of(plan).dot();

    requireBalanced(dot);
    for (Step step : plan.bucket(1).steps()) {
      assertThat(dot)
          .contains(
              String.format(
                  Locale.ROOT,
                  "s%d [label=\"%d %s\"",
                  step.index(),
                  step.index(),
                  step.operation().name()));
    }
  }

  @Test
  void edgesJoinNodesThatAreThere() {
    String dot =
        Explanation.of(Planner.builder().build().plan(SeededLayers.of(8, 6, 4, 2).layers(2)), 5)
            .dot();
    Set<String> nodes = new HashSet<>();
    NODE.matcher(dot).results().forEach(node -> nodes.add(node.group(1)));
    Matcher edges = EDGE.matcher(dot);

    int count = 0;
    while (edges.find()) {
      count++;
      assertThat(nodes).contains(edges.group(1), edges.group(2));
      assertThat(edges.group(1).charAt(0)).isNotEqualTo(edges.group(2).charAt(0));
    }
    // The six steps of the one layer that is drawn read 1 + 1 + 1 + 3 + 3 + 3 buffers and write 1 +
    // 2 + 2 + 1 + 1 + 1.
    assertThat(count).isEqualTo(12 + 8);
  }

  @Test
  void saysWhetherTheLayerIsAliased() {
    Planner.Builder options = Planner.builder();

    assertThat(Explanation.of(options.build().plan(SeededLayers.small())).dot())
        .contains("layer 0: aliased");
    assertThat(
            Explanation.of(options.outputAliasing(AliasMode.OFF).build().plan(SeededLayers.small()))
                .dot())
        .contains("layer 0: not aliased, DISABLED_BY_USER");
  }

  @Test
  void namesAreQuoted() {
    StubExperts odd = StubExperts.of(OddNames.body());
    String dot =
        Explanation.of(
                Planner.builder()
                    .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), odd))
                    .build()
                    .plan(SeededLayers.small()))
            .dot();

    requireBalanced(dot);
    assertThat(dot).contains("a \\\"b\\\" <c> & d \\\\ {e");
  }

  @Test
  void zeroTokensExplainToo() {
    String dot = Explanation.of(Planner.builder().build().plan(SeededLayers.small()), 0).dot();

    requireBalanced(dot);
    assertThat(dot).startsWith("digraph moe {").contains("NO_TOKENS");
    assertThat(EDGE.matcher(dot).find()).isFalse();
  }

  private static void requireBalanced(String dot) {
    String bare = STRING.matcher(dot).replaceAll("");
    int depth = 0;
    for (char c : bare.toCharArray()) {
      depth += c == '{' ? 1 : c == '}' ? -1 : 0;
      assertThat(depth).isNotNegative();
    }
    assertThat(depth).isZero();
    assertThat(bare).doesNotContain("\"");
    assertThat(bare.chars().filter(c -> c == '[').count())
        .isEqualTo(bare.chars().filter(c -> c == ']').count());
  }
}
