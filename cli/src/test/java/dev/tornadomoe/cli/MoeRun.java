package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import tools.jackson.core.JsonParser;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.jr.ob.JSON;

/// What one run of the `moe` command left: exit code, stdout and stderr.
public record MoeRun(int exit, String out, String err) {
  private static final JsonFactory STRICT =
      JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  /// What may stand on stderr beside the sentence of a failure.
  private static final Pattern BESIDE =
      Pattern.compile(
          "Try: moe.* --help|(loading|making|compiling) .*|.*: no golden\\.safetensors, comparing"
              + " .*");

  /// Runs the command in this process.
  public static MoeRun of(Object... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int exit =
        Main.run(
            new PrintWriter(out, true),
            new PrintWriter(err, true),
            Arrays.stream(args).map(Object::toString).toArray(String[]::new));
    return new MoeRun(exit, out.toString(), err.toString());
  }

  /// Demands that all was well.
  public MoeRun fine() {
    assertThat(exit).as("exit code; stdout:%n%s%nstderr:%n%s", out, err).isZero();
    return this;
  }

  /// Demands that wrong usage or input was refused in one sentence, and nothing else was said.
  ///
  /// @return the sentence
  public String refusal() {
    assertThat(exit).as("exit code; stdout:%n%s%nstderr:%n%s", out, err).isEqualTo(2);
    return sentence();
  }

  /// The one sentence on stderr, whatever the exit code.
  String sentence() {
    assertThat(err).doesNotContain("Exception", "internal error", "\tat ");
    List<String> sentences = err.lines().filter(line -> line.startsWith("moe: ")).toList();
    assertThat(sentences).as("sentences in stderr:%n%s", err).hasSize(1);
    assertThat(err.lines().filter(line -> !line.startsWith("moe: ")))
        .as("what stands beside the sentence")
        .allMatch(line -> BESIDE.matcher(line).matches());
    return sentences.getFirst().substring("moe: ".length());
  }

  /// Stdout, which must be one JSON object and nothing else.
  @SuppressWarnings("unchecked") // JSON objects have string keys
  public Map<String, Object> json() {
    try (JsonParser parser = STRICT.createParser(ObjectReadContext.empty(), out)) {
      Object value = JSON.std.anyFrom(parser);
      assertThat(parser.nextToken()).as("what follows the object on stdout").isNull();
      assertThat(value).isInstanceOf(Map.class);
      return (Map<String, Object>) value;
    }
  }

  /// The objects of a list in [#json()].
  public List<Map<String, Object>> objects(String field) {
    return objects(json(), field);
  }

  /// The objects of a list in a JSON object.
  @SuppressWarnings("unchecked") // JSON objects have string keys
  public static List<Map<String, Object>> objects(Map<String, Object> json, String field) {
    assertThat(json.get(field)).as(field).isInstanceOf(List.class);
    return ((List<?>) json.get(field))
        .stream().map(element -> (Map<String, Object>) element).toList();
  }

  /// An object in a JSON object.
  @SuppressWarnings("unchecked") // JSON objects have string keys
  public static Map<String, Object> object(Map<String, Object> json, String field) {
    assertThat(json.get(field)).as(field).isInstanceOf(Map.class);
    return (Map<String, Object>) json.get(field);
  }
}
