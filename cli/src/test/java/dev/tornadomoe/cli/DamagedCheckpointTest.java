package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Whatever happens to a checkpoint's bytes: `verify` says fine, failed or one sentence.
class DamagedCheckpointTest {
  private static final int SEEDS = 300;
  private static final List<String> CHECKPOINTS =
      List.of(
          "hf/qwen2_moe",
          "hf/longcat_flash",
          "hf/granitemoeshared",
          "hf/nemotron_h",
          "w4a16/qwen3_moe-ct_g32_sym",
          "w4a16/qwen3_moe-gptq_g64_desc_act");

  /// Not about speed: a hundred times what any of them takes.
  private static final Duration HANGS = Duration.ofSeconds(60);

  @TempDir private Path directory;

  private static Stream<Damage.Part> parts() {
    return Stream.of(Damage.Part.values());
  }

  @ParameterizedTest
  @MethodSource("parts")
  void verifyNeverFailsInAWayOfItsOwn(Damage.Part part) {
    int parts = Damage.Part.values().length;
    LongStream.range(0, SEEDS / parts).forEach(i -> verify(i * parts + part.ordinal(), part));
  }

  private void verify(long seed, Damage.Part part) {
    String name = CHECKPOINTS.get((int) (seed % CHECKPOINTS.size()));
    Path checkpoint = directory.resolve("checkpoint");
    String what =
        String.format(Locale.ROOT, "seed %d: %s, ", seed, name)
            + damage(checkpoint, name, part, seed);
    MoeRun run = assertTimeoutPreemptively(HANGS, () -> MoeRun.of("verify", checkpoint), what);
    assertThat(run.exit()).as(what).isBetween(0, 2);
    if (run.exit() == 2) {
      assertThat(run.sentence()).as(what).startsWith(checkpoint.toString());
    } else {
      assertThat(run.err()).as(what).isEmpty();
    }
  }

  /// It shows what can't be run, and fails only where nothing can be read.
  @ParameterizedTest
  @MethodSource("parts")
  void inspectNeverFailsInAWayOfItsOwn(Damage.Part part) {
    int parts = Damage.Part.values().length;
    LongStream.range(0, SEEDS / parts).forEach(i -> inspect(i * parts + part.ordinal(), part));
  }

  private void inspect(long seed, Damage.Part part) {
    String name = CHECKPOINTS.get((int) (seed % CHECKPOINTS.size()));
    Path checkpoint = directory.resolve("checkpoint");
    String what =
        String.format(Locale.ROOT, "seed %d: %s, ", seed, name)
            + damage(checkpoint, name, part, seed);
    MoeRun run =
        assertTimeoutPreemptively(HANGS, () -> MoeRun.of("inspect", checkpoint, "--json"), what);
    assertThat(run.exit()).as(what).isIn(0, 2);
    if (run.exit() == 2) {
      assertThat(run.sentence()).as(what).startsWith(checkpoint.toString());
    } else {
      assertThat(run.err()).as(what).isEmpty();
      assertThat(run.json()).as(what).containsKeys("supported", "backends", "problems");
    }
  }

  private static String damage(Path checkpoint, String name, Damage.Part part, long seed) {
    try (Stream<Path> files = Files.list(Golden.directory(name))) {
      Files.createDirectories(checkpoint);
      for (Path file : files.toList()) {
        Files.write(checkpoint.resolve(file.getFileName()), Files.readAllBytes(file));
      }
      return new Damage(seed).apply(checkpoint, part);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
