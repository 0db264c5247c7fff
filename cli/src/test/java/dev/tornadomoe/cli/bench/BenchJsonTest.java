package dev.tornadomoe.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.cli.Golden;
import dev.tornadomoe.cli.MoeRun;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What `bench` reports. How fast it was is nobody's business here.
class BenchJsonTest {
  private static final Path CHECKPOINT = Golden.directory("hf/qwen2_moe");
  private static final String SHORT = "--seconds 0.05 --tokens 1,5";

  @Test
  void hasTheFieldsOfTheCommandLine() {
    MoeRun run = bench(SHORT + " --layers 1 --json").fine();
    assertThat(run.json()).containsEntry("preset", "qwen2_moe").containsEntry("layers", 1);
    assertThat(run.json()).containsEntry("precision", "exact").containsKeys("threads", "cores");
    assertThat(run.json().get("device")).asString().isNotBlank();
    assertThat(run.json().get("machine")).asString().contains("Java " + Runtime.version());
    List<Map<String, Object>> results = run.objects("results");
    assertThat(results)
        .extracting(result -> result.get("tokens") + " " + result.get("alias"))
        .containsExactlyInAnyOrder("1 on", "1 off", "5 on", "5 off");
    assertThat(results)
        .allSatisfy(result -> {
          double median = number(result, "us_per_layer_median");
          assertThat(number(result, "us_per_layer_min")).isPositive().isLessThanOrEqualTo(median);
          assertThat(number(result, "tasks_per_layer")).isPositive();
          assertThat(number(result, "weight_gb_per_s")).isNotNegative();
          assertThat(number(result, "bandwidth_limit_gb_per_s")).isNotNegative();
          assertThat(number(result, "gflop_per_s")).isNotNegative();
          assertThat(result.get("steady")).isInstanceOf(Boolean.class);
          assertThat(number(result, "kernel_us_per_layer")).isPositive();
          assertThat((Map<?, ?>) result.get("kernel_us_per_layer_by_task"))
              .hasSize(((Number) result.get("tasks_per_layer")).intValue());
        });
  }

  @ParameterizedTest
  @CsvSource({
    // qwen2_moe has two MoE layers
    "--layers 1, 0, 1",
    "--layers 2, 0, 2",
    "--alias both, 0, 2",
    "--layers 2 --experts-only, 0, 2",
    "--layers 2 --backend reference, 0, 2",
  })
  void countsTheCopiesThatRan(String options, int withAlias, int without) {
    MoeRun run = bench(SHORT + " --json " + options).fine();
    assertThat(run.json()).containsEntry("layers", without);
    assertThat(run.objects("results"))
        .hasSize(4)
        .allSatisfy(result ->
            assertThat(result)
                .containsEntry(
                    "copies_per_step", result.get("alias").equals("on") ? withAlias : without));
  }

  @Test
  void saysWhatWasAskedForAndWhatWasGranted() {
    assertThat(bench(SHORT + " --json --experts unreduced").fine().objects("results"))
        .extracting(result -> result.get("alias") + " " + result.get("aliased"))
        .containsOnly("on false", "off false");
    assertThat(bench(SHORT + " --json").fine().objects("results"))
        .extracting(result -> result.get("alias") + " " + result.get("aliased"))
        .containsOnly("on true", "off false");
  }

  @ParameterizedTest
  @CsvSource({"on, on", "off, off", "require, on", "ON, on"})
  void measuresOneModeWhenAsked(String alias, String reported) {
    assertThat(bench(SHORT + " --json --alias " + alias).fine().objects("results"))
        .hasSize(2)
        .allSatisfy(result -> assertThat(result).containsEntry("alias", reported));
  }

  @Test
  void theTableHasALineForEachResult() {
    MoeRun run = bench(SHORT).fine();
    assertThat(run.out())
        .contains("qwen2_moe", "H 64, I 32, E 8, top-4")
        .containsPattern("\n +1 +on ")
        .containsPattern("\n +1 +off ")
        .containsPattern("\n +5 +on ")
        .containsPattern("\n +5 +off ");
    assertThat(run.err()).isEmpty();
  }

  @Test
  void measuresTheFastPrecision() {
    assertThat(bench(SHORT + " --layers 1 --precision fast --json").fine().json())
        .containsEntry("precision", "fast");
  }

  private static MoeRun bench(String options) {
    return MoeRun.of((Object[]) ("bench " + CHECKPOINT + " " + options).split(" +"));
  }

  private static double number(Map<String, Object> result, String field) {
    assertThat(result.get(field)).as(field).isInstanceOf(Number.class);
    return ((Number) result.get(field)).doubleValue();
  }
}
