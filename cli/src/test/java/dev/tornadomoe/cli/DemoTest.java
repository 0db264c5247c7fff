package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The README's first command.
class DemoTest {
  @TempDir private static Path directory;
  private static MoeRun demo;
  private static Path kept;

  @BeforeAll
  static void run() {
    kept = directory.resolve("kept");
    demo = MoeRun.of("demo", "--keep", kept);
  }

  @Test
  void endsWellAndSaysNothingOnStderr() {
    assertThat(demo.fine().err()).isEmpty();
  }

  @Test
  void showsTheCopiesBeforeAndAfter() {
    assertThat(demo.out())
        .containsPattern("copies fused_out -> output +48 +0\n")
        .contains("layers 0-47, all alike", "ALIASED");
  }

  @Test
  void saysWhereThePictureIs() throws IOException {
    Path picture = kept.resolve("plan.svg");
    assertThat(demo.out()).contains(picture.toString());
    assertThat(Files.readString(picture)).startsWith("<svg").contains("48 MoE layers");
  }

  @Test
  void verifiesFirstAndLastLayerWithTheAliasAndWithout() {
    for (String layer : new String[] {"0 ", "47"}) {
      for (String alias : new String[] {"on ", "off"}) {
        for (String tokens : new String[] {"1 ", "33"}) {
          assertThat(demo.out())
              .containsPattern(
                  String.format(
                      Locale.ROOT, "layer %s +M %s +alias %s .* ok\n", layer, tokens, alias));
        }
      }
    }
    assertThat(demo.out()).doesNotContain("FAILED");
  }

  @Test
  void namesCommandsThatWork() {
    assertThat(demo.out())
        .contains("./moe explain " + kept, "./moe verify " + kept + " --sanitize");
    MoeRun.of("explain", kept).fine();
    MoeRun.of("verify", kept, "--sanitize").fine();
  }

  @Test
  void writesOverNothing() {
    assertThat(MoeRun.of("demo", "--keep", kept).refusal()).startsWith(kept + " is there already");
    assertThat(MoeRun.of("demo", "--keep", kept.resolve("a/b")).refusal())
        .startsWith("directory " + kept.resolve("a/b"));
  }

  @Test
  void leavesNothingInTheTemporaryDirectory() throws Exception {
    Path temporary = Files.createDirectory(directory.resolve("tmp"));
    JavaRun run = JavaRun.of("-Djava.io.tmpdir=" + temporary).moe("demo");
    assertThat(run.exit()).as(run.text()).isZero();
    assertThat(run.text()).contains(temporary.toString(), "./moe demo --keep moe-demo");
    try (Stream<Path> left = Files.list(temporary)) {
      assertThat(left).isEmpty();
    }
  }

  /// As Ctrl-C does, SIGTERM ends it in the middle of its work.
  @Test
  void leavesNothingWhereItIsEnded() throws Exception {
    Path temporary = Files.createDirectory(directory.resolve("ended"));
    Process process = JavaRun.of("-Djava.io.tmpdir=" + temporary).start(Main.class, "demo");
    try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
      assertThat(out.readLine()).startsWith("1. A checkpoint: " + temporary);
      process.destroy();
      assertThat(process.waitFor()).isEqualTo(128 + 15);
    } finally {
      process.destroyForcibly();
    }
    try (Stream<Path> left = Files.list(temporary)) {
      assertThat(left).isEmpty();
    }
  }
}
