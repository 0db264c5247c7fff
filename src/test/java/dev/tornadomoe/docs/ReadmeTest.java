package dev.tornadomoe.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What README and getting started show is what a reader gets.
class ReadmeTest {
  private static final Path SOURCES = Path.of("").toAbsolutePath();
  private static final Path CHECKPOINT =
      SOURCES.resolve("test/resources/golden/w4a16/qwen3_moe-ct_g32_sym");

  @TempDir private Path directory;

  @Test
  void theReadmesProgramPrintsWhatItShows() throws Exception {
    try (Samples samples = Samples.compile(Sample.of("README.md"), directory)) {
      assertThat(printed(() -> samples.run("run", CHECKPOINT))).isEqualTo(shown("README.md"));
    }
  }

  @Test
  void theFirstProgramPrintsWhatItShows() throws Exception {
    try (Samples samples = Samples.compile(Sample.of("getting-started.md"), directory)) {
      String[] arguments = {CHECKPOINT.toString()};
      assertThat(printed(() -> samples.invoke("com.example.FirstMoe", "main", (Object) arguments)))
          .isEqualTo(shown("getting-started.md"));
    }
  }

  @Test
  void theFirstProgramsPomNamesThisVersion() throws IOException {
    String pom = block(text("getting-started.md"), "```xml\n");
    String ours = Files.readString(SOURCES.resolve("pom.xml"));
    Pattern version =
        Pattern.compile("<version>([^<]+)</version>\\s*</(parent|dependency)>"); // in that order
    Matcher named = version.matcher(pom);
    Matcher built = version.matcher(ours);
    assertThat(named.find() && built.find()).isTrue();
    assertThat(named.group(1)).isEqualTo(built.group(1));
    assertThat(pom).contains("<groupId>dev.tornadomoe</groupId>", "<artifactId>tornado-moe<");
  }

  /// What a sample does.
  private interface Program {
    void run() throws Exception;
  }

  private static List<String> printed(Program program) throws Exception {
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    PrintStream before = System.out;
    Locale locale = Locale.getDefault();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    Locale.setDefault(Locale.ROOT);
    try {
      program.run();
    } finally {
      System.setOut(before);
      Locale.setDefault(locale);
    }
    return printed.toString(StandardCharsets.UTF_8).lines().map(String::stripTrailing).toList();
  }

  private static List<String> shown(String page) throws IOException {
    return block(text(page), "prints:\n\n```\n").lines().map(String::stripTrailing).toList();
  }

  private static String text(String page) throws IOException {
    return Files.readString(Sample.of(page).getFirst().page());
  }

  private static String block(String text, String begin) {
    int from = text.indexOf(begin) + begin.length();
    return text.substring(from, text.indexOf("```", from));
  }
}
