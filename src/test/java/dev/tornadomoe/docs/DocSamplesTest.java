package dev.tornadomoe.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Every block of Java in README.md and docs/ compiles. Those that need TornadoVM are compiled by
/// its module's tests.
class DocSamplesTest {
  private static final Pattern FENCE = Pattern.compile("(?m)^ *```+(.*)\\n(?s:.*?)^ *```+ *$");

  @TempDir private Path directory;

  private static List<Path> pages() throws IOException {
    return Sample.pages();
  }

  @ParameterizedTest
  @MethodSource("pages")
  void compiles(Path page) throws IOException {
    List<Sample> samples = Sample.of(page).stream().filter(sample -> !sample.tornado()).toList();
    if (!samples.isEmpty()) {
      Samples.compile(samples, directory).close();
    }
  }

  /// What is spelled in another way would be no block of Java to the test above.
  @ParameterizedTest
  @MethodSource("pages")
  void namesItsLanguagesInOneWay(Path page) throws IOException {
    assertThat(FENCE.matcher(Files.readString(page)).results().map(fence -> fence.group(1)))
        .isSubsetOf(Set.of("", "java", "mermaid", "sh", "xml"));
  }

  /// A row of a table can't be broken.
  @ParameterizedTest
  @MethodSource("pages")
  void hasNoLineOfMoreThan120Characters(Path page) throws IOException {
    assertThat(Files.readAllLines(page).stream().filter(line -> !line.startsWith("|")))
        .allMatch(line -> line.length() <= 120);
  }

  @Test
  void findsThem() throws IOException {
    assertThat(Sample.of("README.md")).hasSize(1);
    assertThat(Sample.of("families.md")).hasSize(2);
    assertThat(Sample.of("getting-started.md")).isNotEmpty();
    assertThat(Sample.of("embedding.md")).isNotEmpty();
    assertThat(Sample.of("tornadovm.md")).isNotEmpty().allMatch(Sample::tornado);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "```java\nint i = 0;\n```\n",
        "<!-- sample: one() -->\n\n```java\nint i = 0;\n```\n",
        "<!-- sample: one() -->\n```java\nclass A {}\n```\n",
        "<!-- sample one() -->\n```java\nint i = 0;\n```\n",
        "text\n  ```java\n  int i = 0;\n  ```\n",
        "```java\nclass A {}\n",
      })
  void refusesABlockThatItCanNotPlace(String text) throws IOException {
    Path page = Files.writeString(directory.resolve("page.md"), text);
    assertThatThrownBy(() -> Sample.of(page)).hasMessageContaining("page.md");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "<!-- sample: one() -->\n```java\nint i = \"\";\n```\n",
        "<!-- sample: one() -->\n```java\nMoePlanner planner;\n```\n",
        "<!-- sample: one() -->\n```java\nList raw = new ArrayList();\n```\n",
        "```java\nclass A { B b; }\n```\n",
      })
  void failsWhereABlockDoesNotCompile(String text) throws IOException {
    Path page = Files.writeString(directory.resolve("page.md"), text);
    List<Sample> samples = Sample.of(page);
    assertThatThrownBy(() -> Samples.compile(samples, directory))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("page.md does not compile");
  }

  @Test
  void takesBodiesAndFiles() throws Exception {
    Path page =
        Files.writeString(
            directory.resolve("page.md"),
            """
            ```java
            package a.b;

            public final class Counter {
              public int count;
            }
            ```
            <!-- sample: count(Counter counter) -->
            ```java
            counter.count += List.of(1, 2).size();
            ```
            """);
    try (Samples samples = Samples.compile(Sample.of(page), directory)) {
      Object counter =
          samples.loader().loadClass("a.b.Counter").getDeclaredConstructor().newInstance();
      samples.run("count", counter);
      assertThat(counter.getClass().getField("count").get(counter)).isEqualTo(2);
    }
  }
}
