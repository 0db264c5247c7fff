package dev.tornadomoe.checkpoint.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FingerprintTest {
  @TempDir private Path directory;

  @BeforeEach
  void model() throws IOException {
    byte[] weights = new byte[400_000];
    new Random(3).nextBytes(weights);
    Files.write(directory.resolve("model.safetensors"), weights);
    Files.writeString(directory.resolve("config.json"), "{}");
  }

  @Test
  void whatIsNoPartOfTheModelDoesNotCount() throws IOException {
    String before = Fingerprint.of(directory);
    Files.writeString(directory.resolve("golden.safetensors"), "x");
    Files.writeString(directory.resolve("README.md"), "x");
    assertThat(Fingerprint.of(directory)).isEqualTo(before).hasSize(32);
  }

  @Test
  void otherWeightsConfigOrLengthDo() throws IOException {
    String before = Fingerprint.of(directory);
    flip(100_000);
    String other = Fingerprint.of(directory);
    assertThat(other).isNotEqualTo(before);
    Files.writeString(directory.resolve("config.json"), "{ }");
    String third = Fingerprint.of(directory);
    assertThat(third).isNotIn(before, other);
    Files.write(directory.resolve("model.safetensors"), new byte[400_001]);
    assertThat(Fingerprint.of(directory)).isNotIn(before, other, third);
  }

  @Test
  void samplesReachBehindTheBeginning() throws IOException {
    String before = Fingerprint.of(directory);
    flip(300_000); // 64 samples of 4 KiB cover all of so short a file
    assertThat(Fingerprint.of(directory)).isNotEqualTo(before);
  }

  private void flip(long at) throws IOException {
    try (RandomAccessFile file =
        new RandomAccessFile(directory.resolve("model.safetensors").toFile(), "rw")) {
      file.seek(at);
      int old = file.read();
      file.seek(at);
      file.write(old ^ 1);
    }
  }

  @Test
  void aSingleFileIsAModelToo() {
    assertThat(Fingerprint.of(directory.resolve("model.safetensors")))
        .isNotEqualTo(Fingerprint.of(directory));
    assertThatThrownBy(() -> Fingerprint.of(directory.resolve("none.gguf")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("none.gguf");
  }
}
