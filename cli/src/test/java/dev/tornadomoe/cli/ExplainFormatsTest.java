package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

/// The forms in which `explain` answers.
class ExplainFormatsTest {
  private static final Path CHECKPOINT = Golden.directory("hf/qwen2_moe");

  @TempDir private Path directory;

  @Test
  void textIsWhatIsPrintedWithoutAFormat() {
    String text = explain("--format", "text").fine().out();
    assertThat(text)
        .isEqualTo(explain().fine().out())
        .containsPattern("copies fused_out -> output +2 +0\n")
        .contains("H 64, I 32, E 8, top-4, shared expert I 64", "layers 0-1", "ALIASED");
  }

  @Test
  void jsonHasTheFieldsOfTheCommandLine() {
    Map<String, Object> json = explain("--format", "json", "--layers", "1").fine().json();
    assertThat(json).containsEntry("copies_per_step", 0).containsEntry("copies_per_step_before", 1);
    assertThat((Integer) json.get("workspace_bytes")).isPositive();
    assertThat(MoeRun.objects(json, "layers"))
        .singleElement()
        .satisfies(layer -> {
          assertThat(layer).containsEntry("layer", 1);
          assertThat(MoeRun.object(layer, "alias"))
              .containsEntry("reason", "ALIASED")
              .containsEntry("decision", "aliased");
          assertThat(MoeRun.objects(layer, "steps")).isNotEmpty();
          assertThat(MoeRun.objects(layer, "buffers")).isNotEmpty();
        });
  }

  @Test
  void dotIsABalancedDigraph() {
    String dot = explain("--format", "DOT").fine().out();
    assertThat(dot).startsWith("digraph ").contains("->");
    String unquoted = dot.replaceAll("\"(\\\\.|[^\"\\\\])*\"", "");
    assertThat(unquoted.chars().filter(c -> c == '{').count())
        .isPositive()
        .isEqualTo(unquoted.chars().filter(c -> c == '}').count());
    assertThat(unquoted).doesNotContain("\"");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--tokens 0",
        "--tokens 256",
        "--alias off",
        "--experts batched",
        "--in-place"
      })
  void svgIsWellFormed(String options) throws Exception {
    MoeRun run = explain((Object[]) ("--format svg " + options).strip().split(" "));
    Element svg =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(new InputSource(new StringReader(run.fine().out())))
            .getDocumentElement();
    assertThat(svg.getTagName()).isEqualTo("svg");
    assertThat(svg.getElementsByTagName("title").getLength()).isPositive();
    assertThat(Double.parseDouble(svg.getAttribute("width"))).isPositive();
    assertThat(Double.parseDouble(svg.getAttribute("height"))).isPositive();
  }

  @ParameterizedTest
  @EnumSource(ExplainCommand.Format.class)
  void aFileGetsWhatStdoutWouldAndStdoutNothing(ExplainCommand.Format format) throws IOException {
    Path file = directory.resolve("plan");
    MoeRun run = explain("--format", format, "-o", file).fine();
    assertThat(run.out()).isEmpty();
    assertThat(run.err().strip()).isEqualTo("wrote %s", file);
    assertThat(Files.readString(file).strip())
        .isEqualTo(explain("--format", format).fine().out().strip());
  }

  @Test
  void anotherFileIsReplacedOnSuccessAndKeptOnFailure() throws IOException {
    Path file = Files.writeString(directory.resolve("plan"), "x".repeat(1 << 20));
    explain("--layers", "9", "--output", file).refusal();
    assertThat(file).hasSize(1 << 20);
    explain("--layers", "0", "--output", file).fine();
    assertThat(file).content().startsWith("MoE plan").endsWith("\n").doesNotContain("xx");
    assertThat(directory).isDirectoryNotContaining(path -> !path.equals(file));
  }

  @Test
  void aFileInAMissingDirectoryIsRefused() {
    Path file = directory.resolve("no/plan.svg");
    assertThat(explain("--output", file).refusal()).startsWith(file + ": ");
    assertThat(file.getParent()).doesNotExist();
  }

  @Test
  void anUnknownFormatIsRefusedWithTheKnownOnes() {
    assertThat(explain("--format", "xml").refusal())
        .contains("--format", "xml")
        .containsIgnoringCase("text, json, dot, svg");
  }

  private static MoeRun explain(Object... options) {
    Object[] arguments = new Object[options.length + 2];
    arguments[0] = "explain";
    arguments[1] = CHECKPOINT;
    System.arraycopy(options, 0, arguments, 2, options.length);
    return MoeRun.of(arguments);
  }
}
