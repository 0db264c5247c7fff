package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The golden checkpoints whose experts take rows of another size than the layer's: they can't
/// write the output, and nothing is copied for that. The GGUF one has a layer of the other.
class VerifyLatentTest {
  private static final Path CHECKPOINT = Golden.directory("latent/nemotron_h");
  private static final Path GGUF = Golden.directory("latent/nemotron_h_moe");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--backend cpu",
        "--backend cpu --sanitize",
        "--experts fused",
        "--experts unreduced --sanitize",
        "--experts batched --sanitize",
        "--backend reference"
      })
  void passes(String options) {
    assertPasses(CHECKPOINT, options, 6);
    assertPasses(GGUF, options, 2);
  }

  private static void assertPasses(Path checkpoint, String options, int cases) {
    MoeRun run = verify(checkpoint, options + " --json").fine();
    assertThat(run.objects("cases"))
        .hasSize(cases)
        .allSatisfy(found -> {
          assertThat(found).containsEntry("pass", true).containsEntry("alias", "off");
          assertThat((Double) found.get("max_error_over_rms")).isBetween(0.0, 2e-5);
        });
  }

  @Test
  void saysWhyItsOutputIsNoAlias() {
    assertThat(verify(CHECKPOINT, "--alias require").refusal())
        .contains("experts write rows of 24, output has rows of 64");
  }

  private static MoeRun verify(Path checkpoint, String options) {
    String[] words = options.split(" ", -1);
    Object[] arguments = new Object[words.length + 2];
    arguments[0] = "verify";
    arguments[1] = checkpoint;
    System.arraycopy(words, 0, arguments, 2, words.length);
    return MoeRun.of(arguments);
  }
}
