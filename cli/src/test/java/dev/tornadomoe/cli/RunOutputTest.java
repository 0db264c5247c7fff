package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The file that `run` writes is whole, or it is as it was.
class RunOutputTest {
  private static final Path CHECKPOINT = Golden.directory("hf/granitemoe");
  private static final Path GOLDEN = CHECKPOINT.resolve("golden.safetensors");

  @TempDir private Path directory;

  @AfterEach
  void nothingElseIsLeft() throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      assertThat(files.map(Path::getFileName).map(Path::toString))
          .noneMatch(name -> name.contains(".tmp") || name.startsWith("."));
    }
  }

  @Test
  void replacesALongerFileWhole() throws IOException {
    Path fresh = directory.resolve("fresh");
    run("layer0/m7/input", fresh).fine();
    Path old = Files.write(directory.resolve("old"), new byte[1 << 20]);
    run("layer0/m7/input", old).fine();
    assertThat(old).hasSameBinaryContentAs(fresh);
  }

  @Test
  void leavesTheFileAloneWhenTheRunFails() throws IOException {
    Path old = Files.writeString(directory.resolve("old"), "what was there");
    run("layer0/m8/input", old).refusal();
    assertThat(old).hasContent("what was there");
    run("layer0/m8/input", directory.resolve("new")).refusal();
    assertThat(directory.resolve("new")).doesNotExist();
  }

  @Test
  void leavesTheFileAloneWhenTheWeightsAreMissing() throws IOException {
    Path checkpoint = Golden.copy("hf/granitemoe", directory);
    Golden.rewrite(
        checkpoint.resolve("model.safetensors"),
        tensor -> tensor.name().contains("layers.0") ? null : tensor);
    Path old = Files.writeString(directory.resolve("old"), "what was there");
    assertThat(
            MoeRun.of(
                    "run",
                    checkpoint,
                    "--layer",
                    0,
                    "--input",
                    GOLDEN,
                    "--tensor",
                    "layer0/m7/input",
                    "--output",
                    old)
                .refusal())
        .startsWith(checkpoint.resolve("model.safetensors") + ": ")
        .contains("layer 0");
    assertThat(old).hasContent("what was there");
  }

  @Test
  void refusesAMissingDirectoryAndMakesNone() {
    Path output = directory.resolve("no/where/output");
    assertThat(run("layer0/m7/input", output).refusal())
        .startsWith(output + ": ")
        .contains(output.getParent().toString());
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void refusesADirectoryAsOutput() {
    assertThat(run("layer0/m7/input", directory).refusal()).startsWith(directory + ": ");
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void mayWriteOverItsInput() throws IOException {
    Path file = Files.copy(GOLDEN, directory.resolve("file"));
    MoeRun.of(
            "run",
            CHECKPOINT,
            "--layer",
            0,
            "--input",
            file,
            "--tensor",
            "layer0/m7/input",
            "--output",
            file)
        .fine();
    assertThat(
            Comparison.Deviation.of(
                    Golden.floats(GOLDEN, "layer0/m7/output"), Golden.floats(file, "output"))
                .most())
        .isLessThanOrEqualTo(2e-5);
  }

  private static MoeRun run(String tensor, Path output) {
    return MoeRun.of(
        "run", CHECKPOINT, "--layer", 0, "--input", GOLDEN, "--tensor", tensor, "--output", output);
  }
}
