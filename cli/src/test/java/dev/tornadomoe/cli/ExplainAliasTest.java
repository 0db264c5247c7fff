package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What `explain` says of the output alias, with each of the options that change it.
class ExplainAliasTest {

  @ParameterizedTest
  @CsvSource({
    // alias decided: a copy for each of two layers before, none after
    "hf/mixtral, --alias on, ALIASED, 2, 0",
    "hf/mixtral, --alias require, ALIASED, 2, 0",
    "hf/mixtral, --in-place, ALIASED INPLACE_OK, 2, 0",
    "hf/qwen2_moe, --in-place, ALIASED INPLACE_OK, 2, 0",
    "hf/mixtral, --residual given, ALIASED, 2, 0",
    "hf/mixtral, --residual in_output, ALIASED, 2, 0",
    "w4a16/mixtral-awq_g64, --tokens 256, ALIASED, 1, 0",
    "w4a16/mixtral-awq_g64, --tokens 1, ALIASED, 1, 0",
    // switched off: the copies stay
    "hf/mixtral, --alias off, DISABLED_BY_USER, 2, 2",
    "hf/mixtral, --alias OFF --in-place, DISABLED_BY_USER, 2, 2",
    // finalize itself writes the output, so there is nothing to copy and nothing to alias
    "hf/mixtral, --experts batched, BATCHED_FORMAT REDUCE_ZEROES_FIRST, 0, 0",
    "hf/mixtral, --experts unreduced, REDUCE_IN_FINALIZE SHAPE_MISMATCH, 0, 0",
    // 16 bits, which the last step rounds to unless the rows are needed in F32 afterwards
    "hf/qwen2_moe, --rows bf16 --residual in_output, ALIASED ROUNDED_BY_LAST_STEP, 2, 0",
    "hf/mixtral, --rows f16 --in-place, ALIASED INPLACE_OK ROUNDED_BY_LAST_STEP, 2, 0",
    "hf/mixtral, --rows bf16 --tail 1e-6, DTYPE_MISMATCH, 2, 2",
    "hf/mixtral, --rows bf16 --tail 1e-6 --experts fused, ALIASED ROUNDED_BY_LAST_STEP, 2, 0",
    // the caller sums, or the next norm follows
    "hf/mixtral, --deferred, ALIASED FINALIZE_DEFERRED, 2, 0",
    "hf/mixtral, --deferred --alias off, DISABLED_BY_USER, 2, 2",
    "hf/mixtral, --residual given --tail 1e-6, ALIASED, 2, 0",
    "hf/mixtral, --tokens 0, NO_TOKENS, 0, 0",
  })
  void decidesWithReasonsAndCountsCopies(
      String checkpoint, String options, String reasons, int before, int after) {
    MoeRun run = explain(checkpoint, options + " --format json").fine();
    assertThat(run.json())
        .containsEntry("copies_per_step_before", before)
        .containsEntry("copies_per_step", after);
    assertThat(run.objects("layers"))
        .isNotEmpty()
        .allSatisfy(layer -> {
          Map<String, Object> alias = MoeRun.object(layer, "alias");
          assertThat(alias)
              .containsEntry("decision", reasons.startsWith("ALIASED") ? "aliased" : "refused");
          assertThat(MoeRun.objects(alias, "reasons").stream().map(reason -> reason.get("code")))
              .contains((Object[]) reasons.split(" "));
        });
    String text = explain(checkpoint, options).fine().out();
    assertThat(text)
        .contains(reasons.split(" "))
        .containsPattern(
            String.format(Locale.ROOT, "copies fused_out -> output +%d +%d\n", before, after));
  }

  @ParameterizedTest
  @CsvSource({
    "batched, BATCHED_FORMAT REDUCE_ZEROES_FIRST EXPERT_NOT_OPTED_IN",
    "unreduced, REDUCE_IN_FINALIZE SHAPE_MISMATCH",
  })
  void requireMakesARefusalAnErrorWithAllReasons(String experts, String reasons) {
    String refusal = explain("hf/mixtral", "--alias require --experts " + experts).refusal();
    assertThat(refusal).contains("layer 0", "required").contains(reasons.split(" "));
  }

  @ParameterizedTest
  @ValueSource(strings = {"1", "4", "5", "256"})
  void requireHoldsForEveryBucketOfAHybridExpert(String tokens) {
    Map<String, Object> json =
        explain("w4a16/qwen3_moe-ct_g32_sym", "--alias require --format json --tokens " + tokens)
            .fine()
            .json();
    assertThat(json).containsEntry("copies_per_step", 0);
  }

  @Test
  void theKillSwitchOfTheJvmSwitchesOffAndContradictsRequire() {
    System.setProperty("tornadomoe.alias", "off");
    try {
      assertThat(explain("hf/mixtral", "--alias on --format json").fine().json())
          .containsEntry("copies_per_step", 2);
      assertThat(explain("hf/mixtral", "--alias require").refusal())
          .contains("-Dtornadomoe.alias=off");
    } finally {
      System.clearProperty("tornadomoe.alias");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "--experts nonsense, 'hybrid, fused, unreduced, batched'",
    "--alias both, '--alias'",
    "--residual all, '--residual'",
    "--backend nonsense, 'cpu, reference'",
    "--backend tornado, tornado",
    "--backend reference --precision fast, --precision exact",
  })
  void refusesWhatThereIsNot(String options, String expected) {
    assertThat(explain("hf/mixtral", options).refusal()).contains(expected);
  }

  private static MoeRun explain(String checkpoint, String options) {
    List<Object> arguments = new ArrayList<>(List.of("explain", Golden.directory(checkpoint)));
    arguments.addAll(List.of(options.split(" ")));
    return MoeRun.of(arguments.toArray());
  }
}
