package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// The README's first command.
class DemoTest {
  private static final Pattern MADE = Pattern.compile("A checkpoint: (\\S+)");
  private static MoeRun demo;
  private static Path made;

  @BeforeAll
  static void run() {
    demo = MoeRun.of("demo");
    Matcher matcher = MADE.matcher(demo.out());
    assertThat(matcher.find()).as(demo.out()).isTrue();
    made = Path.of(matcher.group(1));
  }

  @AfterAll
  static void delete() throws IOException {
    try (Stream<Path> files = Files.walk(made)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
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
    Path picture = made.resolve("plan.svg");
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
        .contains("./moe explain " + made, "./moe verify " + made + " --sanitize");
    MoeRun.of("explain", made).fine();
    MoeRun.of("verify", made, "--sanitize").fine();
  }
}
