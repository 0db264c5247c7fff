package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A config that contradicts itself or its tensors is refused by every command.
class BadConfigTest {
  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        // what stands there | what it becomes | what the sentence must name
        "\"hidden_size\": 64 | \"hidden_size\": 65 | mlp.gate.weight; [16, 64]; [16, 65]",
        "\"hidden_size\": 64 | \"hidden_size\": 0 | \"hidden_size\"; found 0",
        "\"hidden_size\": 64 | \"hidden_size\": \"64\" | \"hidden_size\"; whole number",
        "\"hidden_size\": 64 | \"hidden_size\": 64.5 | \"hidden_size\"; whole number; 64.5",
        "\"hidden_size\": 64 | \"hidden_dim\": 64 | no \"hidden_size\"",
        "intermediate_size\": 32 | intermediate_size\": 33 | experts.0; 32; 33",
        "per_tok\": 4 | per_tok\": 17 | config.json; top-k is 17; 16 experts",
        "per_tok\": 4 | per_tok\": 0 | \"num_experts_per_tok\"; found 0",
        "local_experts\": 16 | local_experts\": 17 | mlp.gate.weight; [16, 64]; [17, 64]",
        "local_experts\": 16 | local_experts\": 15 | mlp.gate.weight; [16, 64]; [15, 64]",
        "local_experts\": 16 | local_experts\": 16, \"num_experts\": 8 | \"num_experts\" is 8; 16",
        "hidden_layers\": 2 | hidden_layers\": 2147483647 | \"num_hidden_layers\"; 2147483647",
        "hidden_layers\": 2 | hidden_layers\": 1e99 | \"num_hidden_layers\"; whole number",
        "hidden_layers\": 2 | hidden_layers\": -2 | \"num_hidden_layers\"; found -2",
        "\"silu\" | \"softsign\" | config.json; \"softsign\"; silu; gelu",
        "\"silu\" | [] | config.json; \"hidden_act\"; a string",
        "\"qwen3_moe\" | \"llama\" | config.json; \"llama\"; qwen3_moe; mixtral; gpt_oss",
        "\"qwen3_moe\" | \"a\\nb\\u001b[31m\" | config.json; a\\u000ab\\u001b[31m",
      })
  void isRefusedByEveryCommand(String from, String to, String expected) throws IOException {
    Path checkpoint = Golden.copy("hf/qwen3_moe", directory);
    Files.delete(checkpoint.resolve("golden.safetensors")); // it contradicts the config as well
    Golden.editConfig(checkpoint, from, to);
    assertThat(EveryCommand.refusal(checkpoint))
        .startsWith(checkpoint.toString())
        .contains(expected.split("; "));
  }

  @ParameterizedTest
  @CsvSource({
    "hf/deepseek_v3, '\"n_group\": 4', '\"n_group\": 3', 16 experts",
    "hf/deepseek_v3, '\"topk_group\": 2', '\"topk_group\": 5', 5 of 4",
    "hf/deepseek_v3, '\"n_shared_experts\": 1', '\"n_shared_experts\": 2147483647', shared",
    "hf/deepseek_v2, '\"n_shared_experts\": 2', '\"n_shared_experts\": 2147483647', shared",
    "hf/deepseek_v2, '\"norm_topk_prob\": false', '\"norm_topk_prob\": true', norm_topk_prob",
    "hf/phimoe, '\"num_experts_per_tok\": 2', '\"num_experts_per_tok\": 3', 3",
    "w4a16/qwen3_moe-ct_g32_sym, '\"num_bits\": 4', '\"num_bits\": 3', 3-bit",
    "w4a16/qwen3_moe-ct_g32_sym, compressed-tensors, bitsandbytes, bitsandbytes",
    "w4a16/qwen3_moe-awq_g128, '\"bits\": 4', '\"bits\": 2', 2",
    "w4a16/qwen3_moe-gptq_g128_sym, '\"bits\": 4', '\"bits\": 8', 8",
  })
  void ofAFamilyOrFormatIsRefusedWithTheCheckpointsName(
      String name, String from, String to, String expected) {
    Path checkpoint = Golden.copy(name, directory);
    Golden.editConfig(checkpoint, from, to);
    assertThat(MoeRun.of("explain", checkpoint).refusal())
        .isEqualTo(MoeRun.of("verify", checkpoint).refusal())
        .startsWith(checkpoint.toString())
        .contains(expected);
  }
}
