package dev.tornadomoe.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// Every sentence in docs/troubleshooting.md, and in docs/tornadovm.md's list, is one that the
/// sources can say.
class TroubleshootingTest {
  private static final Path ROOT = Path.of("").toAbsolutePath().getParent();
  private static final Pattern CODE = Pattern.compile("`([^`]+)`");

  private static List<String> said;

  @BeforeAll
  static void readSources() throws IOException {
    said = new ArrayList<>();
    for (String module : List.of("src", "cli/src", "tornado-kernels/src")) {
      said.addAll(literals(ROOT.resolve(module).resolve("main/java")));
    }
  }

  @Test
  void listsSentencesThatAreSaid() throws IOException {
    assertSaid("docs/troubleshooting.md", Pattern.compile("^(\\| `.*?) \\|"), 140);
  }

  @Test
  void devicesSentencesAreSaid() throws IOException {
    assertSaid("docs/tornadovm.md", Pattern.compile("^(- `.*`): "), 8);
  }

  /// @param cell a line that begins with sentences, up to their remedy
  private static void assertSaid(String page, Pattern cell, int atLeast) throws IOException {
    List<String> sentences =
        Files.readAllLines(ROOT.resolve(page)).stream()
            .map(cell::matcher)
            .filter(Matcher::find)
            .flatMap(found -> CODE.matcher(found.group(1)).results().map(code -> code.group(1)))
            .toList();
    assertThat(sentences).hasSizeGreaterThanOrEqualTo(atLeast);
    assertThat(sentences.stream().filter(sentence -> !isSaid(sentence)).toList()).isEmpty();
  }

  /// Whether its parts, between what stands for names and numbers, are in one literal in this
  /// order.
  private static boolean isSaid(String sentence) {
    Pattern inOrder =
        Pattern.compile(
            Stream.of(sentence.split("…|\\.\\.\\."))
                .map(part -> Pattern.quote(part.strip()))
                .collect(Collectors.joining(".*")));
    return said.stream().anyMatch(literal -> inOrder.matcher(literal).find());
  }

  /// All string literals, those that are put together with `+` as one, with `"` for its escape;
  /// text blocks are pages and the like, no sentences.
  private static List<String> literals(Path sources) throws IOException {
    Pattern literal = Pattern.compile("\"\"\"(?s:.*?)\"\"\"|\"((?:[^\"\\\\\n]++|\\\\.)*+)\"");
    List<String> all = new ArrayList<>();
    try (Stream<Path> files = Files.walk(sources)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
        String text = Files.readString(file).replaceAll("\"\\s*\\+\\s*\"", "");
        literal
            .matcher(text)
            .results()
            .filter(found -> found.group(1) != null)
            .forEach(found -> all.add(found.group(1).replace("\\\"", "\"")));
      }
    }
    return all;
  }
}
