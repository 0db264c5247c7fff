package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Every golden case, in every way in which `verify` can run it.
class VerifyGoldenTest {
  /// 12 architectures with 2 layers, 7 + 6 quantised formats and 5 GGUF files with 1, and 3 token
  /// counts for each layer; 28 architectures with 37 layers together, and 2 token counts for each;
  /// the GGUF file with GLM-4.7-Flash's sizes, 16 of other architectures (two of them with 2
  /// layers) and 6 formats of 2026, with 2; 22 architectures with rules of their own, 2 layers and
  /// 3 token counts each.
  private static final int CASES =
      12 * 2 * 3 + (7 + 6 + 5) * 3 + 37 * 2 + (1 + 18 + 6) * 2 + 22 * 2 * 3;

  @ParameterizedTest
  @CsvSource({
    "--alias on, on",
    "--alias OFF, off",
    "--alias require --sanitize, on",
    "--alias off --sanitize, off",
    "--experts fused --backend cpu --precision exact, on",
    "--experts unreduced, off",
    "--experts batched --sanitize, off",
    "--tail 1e-6 --sanitize, on",
    "--tail 0.01 --experts unreduced --backend cpu, off",
    "--backend reference, on",
    "--backend reference --alias require --sanitize, on",
  })
  void everyCasePasses(String options, String alias) {
    List<Map<String, Object>> cases = verifyAll(options + " --json").fine().objects("cases");
    assertThat(cases)
        .hasSize(CASES)
        .allSatisfy(found -> {
          assertThat(found).containsEntry("pass", true).containsEntry("alias", alias);
          assertThat((Double) found.get("max_error_over_rms")).isBetween(0.0, 2e-5);
        });
  }

  /// Shared experts' rows are nothing that a caller could sum.
  @ParameterizedTest
  @CsvSource({
    "--deferred --sanitize, on",
    "--deferred --alias off, off",
    "--deferred --backend reference, on"
  })
  void casesOfLayersThatACallerCanSumPassDeferred(String options, String alias) {
    List<Object> arguments = new ArrayList<>(List.of("verify", "--json"));
    arguments.addAll(List.of(options.split(" ")));
    for (String name : List.of("hf/mixtral", "hf/gpt_oss", "w4a16/qwen3_moe-ct_g32_sym")) {
      arguments.add(Golden.directory(name));
    }
    assertThat(MoeRun.of(arguments.toArray()).fine().objects("cases"))
        .hasSize(2 * 3 + 2 * 3 + 3)
        .allSatisfy(
            found -> assertThat(found).containsEntry("pass", true).containsEntry("alias", alias));
    assertThat(MoeRun.of("verify", "--deferred", Golden.directory("hf/qwen2_moe")).refusal())
        .isEqualTo(
            "layer 0: the caller can't make the sum (output DEFERRED): its shared experts' rows"
                + " belong to the sum");
  }

  @Test
  void everyCasePassesInTheFastPrecision() {
    assertThat(verifyAll("--precision fast --sanitize --json").fine().objects("cases"))
        .hasSize(CASES)
        .allSatisfy(found -> {
          assertThat(found).containsEntry("pass", true).containsEntry("precision", "fast");
          assertThat((Double) found.get("rms_error_over_rms")).isBetween(0.0, 1e-2);
          assertThat((Double) found.get("max_error_over_rms")).isBetween(0.0, 2.5e-2);
        });
  }

  @Test
  void textHasALineForEachCaseAndTheSum() {
    MoeRun run = verifyAll("").fine();
    assertThat(run.err()).isEmpty();
    assertThat(run.out().lines().filter(line -> line.endsWith(" ok"))).hasSize(CASES);
    assertThat(run.out().lines().toList().getLast())
        .isEqualTo("%d cases, %d passed, 0 failed", CASES, CASES);
  }

  private static MoeRun verifyAll(String options) {
    List<Object> arguments = new ArrayList<>();
    arguments.add("verify");
    arguments.addAll(Golden.all());
    if (!options.isEmpty()) {
      arguments.addAll(List.of(options.split(" ")));
    }
    return MoeRun.of(arguments.toArray());
  }
}
