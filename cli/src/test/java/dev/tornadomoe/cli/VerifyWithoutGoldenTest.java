package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `verify` on what every user has: a checkpoint without `golden.safetensors`.
class VerifyWithoutGoldenTest {
  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"hf/qwen2_moe", "hf/gpt_oss", "w4a16/qwen3_moe-awq_g128"})
  void comparesWithTheReferenceBackendAndSaysSo(String name) throws IOException {
    Path checkpoint = withoutGolden(name);
    MoeRun run = MoeRun.of("verify", checkpoint, "--json", "--sanitize").fine();
    assertThat(run.err())
        .startsWith(checkpoint + ": ")
        .contains("no golden.safetensors", "reference backend");
    assertThat(run.objects("cases"))
        .isNotEmpty()
        .allSatisfy(found -> {
          assertThat(found).containsEntry("backend", "cpu").containsEntry("pass", true);
          assertThat((Double) found.get("max_error_over_rms")).isBetween(0.0, 2e-5);
        });
  }

  @Test
  void beginsWithTheFirstMoeLayer() throws IOException {
    Path checkpoint = withoutGolden("hf/qwen3_moe");
    Golden.editConfig(checkpoint, "\"mlp_only_layers\": []", "\"mlp_only_layers\": [0]");
    MoeRun run = MoeRun.of("verify", checkpoint, "--json").fine();
    assertThat(run.objects("cases"))
        .isNotEmpty()
        .allSatisfy(found -> assertThat(found).containsEntry("layer", 1));
    assertThat(run.err()).contains("layer 1");
  }

  @Test
  void aModelWithoutMoeLayersDoesNotPass() throws IOException {
    Path checkpoint = withoutGolden("hf/qwen3_moe");
    Golden.editConfig(checkpoint, "\"mlp_only_layers\": []", "\"mlp_only_layers\": [0, 1]");
    assertThat(MoeRun.of("verify", checkpoint).refusal())
        .isEqualTo(checkpoint + ": the model has no MoE layers");
  }

  private Path withoutGolden(String name) throws IOException {
    Path checkpoint = Golden.copy(name, directory);
    Files.delete(checkpoint.resolve("golden.safetensors"));
    return checkpoint;
  }
}
