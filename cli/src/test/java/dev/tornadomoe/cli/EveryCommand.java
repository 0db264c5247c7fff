package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;

/// Runs every command that takes a checkpoint.
final class EveryCommand {
  private EveryCommand() {}

  /// Demands that all refuse it in the same sentence.
  ///
  /// @return the sentence
  static String refusal(Path checkpoint) {
    String refusal = MoeRun.of("verify", checkpoint).refusal();
    assertThat(MoeRun.of("explain", checkpoint).refusal()).as("explain").isEqualTo(refusal);
    assertThat(MoeRun.of("bench", checkpoint, "--seconds", 0.01).refusal())
        .as("bench")
        .isEqualTo(refusal);
    Path output = checkpoint.resolveSibling("output");
    assertThat(run(checkpoint, output).refusal()).as("run").isEqualTo(refusal);
    assertThat(output).doesNotExist();
    return refusal;
  }

  private static MoeRun run(Path checkpoint, Path output) {
    Path input = Golden.directory("hf/qwen3_moe").resolve("golden.safetensors");
    return MoeRun.of(
        "run",
        checkpoint,
        "--layer=0",
        "--input",
        input,
        "--tensor=layer0/m1/input",
        "--output",
        output);
  }
}
