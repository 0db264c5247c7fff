package dev.tornadomoe;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/// What the README shows is what a reader gets.
class ReadmeTest {
  private static final Path SOURCES = Path.of("").toAbsolutePath();
  private static final Path CHECKPOINT =
      SOURCES.resolve("test/resources/golden/w4a16/qwen3_moe-ct_g32_sym");

  private static String readme() throws IOException {
    return Files.readString(SOURCES.resolveSibling("README.md"));
  }

  private static String block(String readme, String begin) {
    int from = readme.indexOf(begin) + begin.length();
    return readme.substring(from, readme.indexOf("```", from));
  }

  @Test
  void showsTheProgramThatIsCompiledHere() throws IOException {
    String source = Files.readString(SOURCES.resolve("test/java/dev/tornadomoe/ReadmeSample.java"));
    String body =
        source
            .substring(source.indexOf("// begin\n") + 9, source.indexOf("\n    // end"))
            .stripIndent();

    assertThat(block(readme(), "```java\n").lines())
        .containsExactlyElementsOf(body.lines().toList());
  }

  @Test
  void showsItsRealOutput() throws IOException {
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    PrintStream before = System.out;
    Locale locale = Locale.getDefault();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    Locale.setDefault(Locale.ROOT);
    try {
      ReadmeSample.run(CHECKPOINT);
    } finally {
      System.setOut(before);
      Locale.setDefault(locale);
    }

    assertThat(block(readme(), "It prints:\n\n```\n").lines().map(String::stripTrailing))
        .containsExactlyElementsOf(
            printed.toString(StandardCharsets.UTF_8).lines().map(String::stripTrailing).toList());
  }
}
