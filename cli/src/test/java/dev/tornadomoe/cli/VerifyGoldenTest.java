package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.contract.Breadth;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Every golden case, in every way in which `verify` can run it.
class VerifyGoldenTest {
  /// 12 architectures with 2 layers, 7 + 6 quantised formats and 5 GGUF files with 1, and 3 token
  /// counts for each layer; 28 architectures with 37 layers together, and 2 token counts for each;
  /// the GGUF file with GLM-4.7-Flash's sizes, 19 of other architectures (two of them with 2
  /// layers) and 6 formats of 2026, with 2; 23 architectures with rules of their own, 2 layers and
  /// 3 token counts each; and with two stacks of 2 layers Qwen3-Omni, 3 token counts each, and
  /// ERNIE 4.5 VL, 3 for text and 2 for images; and GGUF's IQ formats in 4 layers, with 2.
  private static final int CASES =
      12 * 2 * 3
          + (7 + 6 + 5) * 3
          + 37 * 2
          + (1 + 21 + 6) * 2
          + 23 * 2 * 3
          + 2 * (3 + 3)
          + 2 * (3 + 2)
          + 4 * 2;

  /// 7 + 6 quantised formats and 5 GGUF files with 3 token counts, what else is in those folders
  /// with 2, of which IQ's have 4 layers; 6 architectures with 2 layers and 3 token counts, and 3
  /// with 5 layers together and 2.
  private static final int CASES_OF_KINDS =
      (7 + 6 + 5) * 3 + (1 + 21 + 6 + 4) * 2 + 6 * 2 * 3 + 5 * 2;

  @ParameterizedTest
  @CsvSource({
    "--alias require --sanitize, on",
    "--experts unreduced, off",
    "--backend reference, on",
  })
  void everyCasePasses(String options, String alias) {
    assertPass(verify(Golden.all(), options), alias, CASES);
  }

  /// A checkpoint of each format and a family of each kind, unless more is asked for.
  @ParameterizedTest
  @CsvSource({
    "--alias OFF --sanitize, off",
    "--experts fused --backend cpu --precision exact, on",
    "--experts batched --sanitize, off",
    "--tail 1e-6 --sanitize, on",
    "--tail 0.01 --experts unreduced --backend cpu, off",
    "--backend reference --alias require --sanitize, on",
  })
  void casesOfEachKindPassInEveryOtherWay(String options, String alias) {
    boolean isFull = Breadth.askedOr(Breadth.NARROW) == Breadth.FULL;
    List<Path> checkpoints = isFull ? Golden.all() : Golden.kinds();
    assertPass(verify(checkpoints, options), alias, isFull ? CASES : CASES_OF_KINDS);
  }

  private static void assertPass(MoeRun run, String alias, int count) {
    assertThat(run.fine().objects("cases"))
        .hasSize(count)
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
  void casesOfEachKindPassInTheFastPrecision() {
    assertThat(verify(Golden.kinds(), "--precision fast --sanitize").fine().objects("cases"))
        .hasSize(CASES_OF_KINDS)
        .allSatisfy(found -> {
          assertThat(found).containsEntry("pass", true).containsEntry("precision", "fast");
          assertThat((Double) found.get("rms_error_over_rms")).isBetween(0.0, 1e-2);
          assertThat((Double) found.get("max_error_over_rms")).isBetween(0.0, 2.5e-2);
        });
  }

  @Test
  void textHasALineForEachCaseAndTheSum() {
    List<Object> arguments = new ArrayList<>(Golden.all());
    arguments.addFirst("verify");
    MoeRun run = MoeRun.of(arguments.toArray()).fine();
    assertThat(run.err()).isEmpty();
    assertThat(run.out().lines().filter(line -> line.endsWith(" ok"))).hasSize(CASES);
    assertThat(run.out().lines().toList().getLast())
        .isEqualTo("%d cases, %d passed, 0 failed", CASES, CASES);
  }

  private static MoeRun verify(List<Path> checkpoints, String options) {
    List<Object> arguments = new ArrayList<>(List.of("verify", "--json"));
    arguments.addAll(checkpoints);
    arguments.addAll(List.of(options.split(" ")));
    return MoeRun.of(arguments.toArray());
  }
}
