package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What configs say of some modules: GPTQModel's `dynamic`, AutoRound's `extra_config`.
class ModuleRulesTest {
  private static final String MODULE = "model.layers.0.mlp.experts.1.down_proj";
  private static final String GPTQ = "\"quant_method\": \"gptq\", \"bits\": 4, ";
  private static final String AUTO_ROUND = "\"quant_method\": \"auto-round\", \"bits\": 4, ";

  @TempDir Path directory;

  /// Groups of 16 by the rule that counts, where all others have 32.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"+:.*\\\\.down_proj$\": {\"group_size\": 16}",
        "\".*down\": {\"group_size\": 16}", // without a sign, and no whole name
        "\"+:.*\\\\.experts\\\\.\": {\"group_size\": 16}, \"-:.*\": {}", // the first one counts
        "\"-:down_proj\": {}, \"+:model\": {\"group_size\": 16}", // only from the start of the name
      })
  void gptqModelsRules(String rules) {
    assertInGroupsOf16(
        GPTQ + "\"sym\": false, \"group_size\": 32, \"dynamic\": {" + rules + "}",
        values -> GptqPacking.v1(MODULE, values, DType.F16));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"" + MODULE + "\": {\"group_size\": 16}",
        "\"experts\\\\.\\\\d+\\\\.down_proj\": {\"group_size\": 16}", // anywhere in the name
        "\".*\": {\"bits\": 16}, \"" + MODULE + "\": {\"group_size\": 16}", // names come first
        "\"down_proj\": {\"bits\": 16}, \".*\": {\"group_size\": 16}", // a name is a whole one
      })
  void autoRoundsRules(String rules) {
    assertInGroupsOf16(
        AUTO_ROUND
            + "\"sym\": false, \"group_size\": 32, \"packing_format\": \"auto_round:auto_gptq\","
            + " \"extra_config\": {"
            + rules
            + "}",
        values -> GptqPacking.v1(MODULE, values, DType.F16));
  }

  @Test
  void autoRoundPacksAsAwqToo() {
    assertInGroupsOf16(
        AUTO_ROUND
            + "\"sym\": false, \"group_size\": 16, \"packing_format\": \"auto_round:auto_awq\"",
        values -> AwqPacking.pack(MODULE, values));
  }

  @Test
  void whatIsLeftOutIsNotStoredPacked() {
    String config = config(GPTQ + "\"dynamic\": {\"-:.*down_proj\": {}}");
    Int4Values values = Int4Values.asymmetric(51, 8, 64, 32);
    ModelDirectory.assertLinearRefused(
        directory,
        config,
        GptqPacking.v1(MODULE, values, DType.F16),
        MODULE,
        8,
        64,
        "config.json",
        MODULE,
        "left out",
        ".qweight");
    ModelDirectory.assertLinearRefused(
        directory, config, TensorSet.of(), MODULE, 8, 64, MODULE + ".weight", "missing");
  }

  @Test
  void refusesWhatIsNoRule() {
    assertRefused(GPTQ + "\"dynamic\": {\"+:(\": {}}", "\"+:(\"", "regular expression");
    assertRefused(GPTQ + "\"dynamic\": {\"+:a\": 3}", "\"+:a\"", "an object");
    assertRefused(GPTQ + "\"dynamic\": []", "\"dynamic\"", "an object");
    assertRefused(AUTO_ROUND + "\"extra_config\": {\"a\": {\"bits\": \"x\"}}", "bits", "whole");
  }

  @Test
  void namesAutoRoundsOtherPackings() {
    String fields = AUTO_ROUND + "\"packing_format\": \"auto_round:llm_compressor\"";
    ModelDirectory.assertLinearRefused(
        directory, config(fields), TensorSet.of(), MODULE, 8, 64, "\"auto_round:llm_compressor\"");
    fields = AUTO_ROUND + "\"data_type\": \"mx_fp\"";
    ModelDirectory.assertLinearRefused(
        directory, config(fields), TensorSet.of(), MODULE, 8, 64, "\"mx_fp\"", "auto-round");
  }

  /// Packs values.
  @FunctionalInterface
  private interface Packing {
    TensorSet of(Int4Values values);
  }

  private void assertInGroupsOf16(String fields, Packing packing) {
    Int4Values values = Int4Values.asymmetric(52, 8, 64, 16);
    try (Checkpoint checkpoint =
        ModelDirectory.open(directory, config(fields), packing.of(values).tensors())) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  private void assertRefused(String fields, String... says) {
    assertThatThrownBy(
            () -> ModelDirectory.open(directory, config(fields), TensorSet.of().tensors()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(says)
        .satisfies(e -> assertThat(e.getMessage()).startsWith(directory.toString()));
  }

  private static String config(String fields) {
    return "{\"quantization_config\": {" + fields + "}}";
  }
}
