package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What `verify --json` prints, for programs.
class VerifyJsonTest {
  @TempDir private Path directory;

  @Test
  void aCaseHasTheFieldsOfTheCommandLine() {
    Path checkpoint = Golden.directory("hf/mixtral");
    MoeRun run = MoeRun.of("verify", "--json", checkpoint).fine();
    assertThat(run.json()).containsOnlyKeys("cases");
    List<Map<String, Object>> cases = run.objects("cases");
    assertThat(cases)
        .hasSize(6)
        .allSatisfy(found ->
            assertThat(found)
                .containsKeys("layer", "tokens", "max_error_over_rms", "rms_error_over_rms")
                .containsEntry("precision", "exact")
                .containsEntry("checkpoint", checkpoint.toString())
                .containsEntry("backend", "cpu")
                .containsEntry("alias", "on")
                .containsEntry("pass", true));
    assertThat(cases)
        .extracting(found -> found.get("layer") + "/" + found.get("tokens"))
        .containsExactlyInAnyOrder("0/1", "0/7", "0/33", "1/1", "1/7", "1/33");
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "reference"})
  void namesTheBackendThatRan(String backend) {
    Path checkpoint = Golden.directory("hf/granitemoe");
    MoeRun run = MoeRun.of("verify", checkpoint, "--backend", backend, "--json").fine();
    assertThat(run.objects("cases"))
        .allSatisfy(found -> assertThat(found).containsEntry("backend", backend));
  }

  @Test
  void stdoutIsOneObjectThoughAllIsUnusable() {
    MoeRun run = MoeRun.of("verify", directory.resolve("nothing"), "--json");
    assertThat(run.refusal()).contains("nothing");
    assertThat(run.objects("cases")).isEmpty();
  }

  @Test
  void progressAndNoticesGoToStderr() {
    Path checkpoint = Golden.copy("hf/olmoe", directory);
    assertThat(checkpoint.resolve("golden.safetensors").toFile().delete()).isTrue();
    MoeRun run = MoeRun.of("verify", checkpoint, "--json").fine();
    assertThat(run.objects("cases")).isNotEmpty();
    assertThat(run.err()).contains(checkpoint.toString());
  }
}
