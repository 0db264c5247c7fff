package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// `--layers` and `--tokens` of `explain`, on 48 layers.
class ExplainRangesTest {
  @TempDir private static Path checkpoint;

  @BeforeAll
  static void make() {
    new DemoCheckpoint(checkpoint).write();
  }

  @Test
  void explainsAllLayersWithoutARange() {
    MoeRun run = explain("--format", "json").fine();
    assertThat(run.json())
        .containsEntry("copies_per_step_before", 48)
        .containsEntry("copies_per_step", 0);
    assertThat(layers(run)).hasSize(48);
    assertThat(explain().fine().out())
        .containsPattern("copies fused_out -> output +48 +0\n")
        .contains("layers 0-47, all alike");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "3|layer 3:|3",
        "0-1|layers 0-1,|0 1",
        "46-47|layers 46-47,|46 47",
        "3,5|layers 3, 5,|3 5",
        "0-2,7,9-10|layers 0-2, 7, 9-10,|0 1 2 7 9 10",
        "' 1 , 2 - 3 '|layers 1-3,|1 2 3",
      })
  void explainsTheLayersOfARange(String range, String heading, String indices) {
    MoeRun run = explain("--layers", range, "--format", "json").fine();
    assertThat(layers(run)).extracting(Object::toString).containsExactly(indices.split(" "));
    assertThat(run.json()).containsEntry("copies_per_step_before", indices.split(" ").length);
    assertThat(explain("--layers", range).fine().out()).contains("\n" + heading);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        ",",
        "1,",
        ",1",
        "-",
        "-1",
        "1-",
        "0--1",
        "5-3",
        "0-1-2",
        "a",
        "0x1",
        "1.5",
        "0..3",
        "all",
        "1;2",
        "99999999999",
        "1-99999999999",
        "0,0",
        "0-3,2"
      })
  void refusesARangeThatIsNone(String range) {
    assertThat(explain("--layers", range).refusal()).contains("--layers", "'" + range + "'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"48", "47-48", "0-99999", "0,1000"})
  void refusesLayersBeyondTheLastWithThoseThereAre(String range) {
    assertThat(explain("--layers", range).refusal())
        .startsWith(checkpoint + ": ")
        .contains("does not exist", "0-47");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4, 5, 256, 100_000_000})
  void explainsAnyNumberOfTokens(int tokens) {
    MoeRun run = explain("--tokens", tokens, "--layers", "0", "--format", "json").fine();
    assertThat(run.json()).containsEntry("tokens", tokens);
    Map<String, Object> bucket = MoeRun.object(run.json(), "bucket");
    assertThat(tokens)
        .isBetween((Integer) bucket.get("min_tokens"), (Integer) bucket.get("max_tokens"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"-1", "-2147483648", "2147483648", "1e3", "many", "", "0.5"})
  void refusesTokensThatAreNoCount(String tokens) {
    assertThat(explain("--tokens", tokens).refusal()).contains("--tokens", tokens);
  }

  @Test
  void refusesMorePairsThanCanBeCounted() {
    assertThat(explain("--tokens", Integer.MAX_VALUE).refusal())
        .contains("2147483647 tokens with 4 experts each");
  }

  private static MoeRun explain(Object... options) {
    Object[] arguments = new Object[options.length + 2];
    arguments[0] = "explain";
    arguments[1] = checkpoint;
    System.arraycopy(options, 0, arguments, 2, options.length);
    return MoeRun.of(arguments);
  }

  private static List<Object> layers(MoeRun run) {
    return run.objects("layers").stream().map(layer -> layer.get("layer")).toList();
  }
}
