package dev.tornadomoe.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Every sentence in docs/troubleshooting.md is one that the sources can say.
class TroubleshootingTest {
  private static final Path ROOT = Path.of("").toAbsolutePath().getParent();
  private static final Pattern CODE = Pattern.compile("`([^`]+)`");

  @Test
  void listsSentencesThatAreSaid() throws IOException {
    String said =
        literals(ROOT.resolve("src/main/java"))
            + literals(ROOT.resolve("tornado-kernels/src/main/java"));
    List<String> sentences =
        Files.readAllLines(ROOT.resolve("docs/troubleshooting.md")).stream()
            .filter(line -> line.startsWith("| `"))
            .map(line -> line.substring(0, line.indexOf(" |", 1)))
            .flatMap(cell -> CODE.matcher(cell).results().map(code -> code.group(1)))
            .toList();
    assertThat(sentences).hasSizeGreaterThan(60);
    assertThat(sentences.stream().filter(sentence -> !isSaid(sentence, said)).toList()).isEmpty();
  }

  private static boolean isSaid(String sentence, String said) {
    return Stream.of(sentence.split("…")).map(String::strip).allMatch(said::contains);
  }

  /// All string literals, those that are put together with `+` as one, with `"` for its escape;
  /// text blocks are pages and the like, no sentences.
  private static String literals(Path sources) throws IOException {
    Pattern literal = Pattern.compile("\"\"\"(?s:.*?)\"\"\"|\"((?:[^\"\\\\\n]++|\\\\.)*+)\"");
    try (Stream<Path> files = Files.walk(sources)) {
      StringBuilder all = new StringBuilder();
      for (Path file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
        String text = Files.readString(file).replaceAll("\"\\s*\\+\\s*\"", "");
        all.append(
            literal
                .matcher(text)
                .results()
                .map((MatchResult found) ->
                    Objects.requireNonNullElse(found.group(1), "").replace("\\\"", "\""))
                .collect(Collectors.joining("\n", "", "\n")));
      }
      return all.toString();
    }
  }
}
