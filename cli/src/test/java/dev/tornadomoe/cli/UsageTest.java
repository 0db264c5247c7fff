package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Command lines that are none.
class UsageTest {

  @ParameterizedTest
  @CsvSource({
    "'', command is missing, moe",
    "nonsense, nonsense, moe",
    "--nonsense, --nonsense, moe",
    "verify, DIR, moe verify",
    "verify DIR --nonsense, --nonsense, moe verify",
    "verify DIR --alias, --alias, moe verify",
    "verify DIR --alias sometimes, sometimes, moe verify",
    "verify DIR --json=perhaps, --json, moe verify",
    "verify DIR --precision quick, quick, moe verify",
    "explain, DIR, moe explain",
    "explain DIR DIR2, DIR2, moe explain",
    "run DIR, --layer, moe run",
    "run DIR --layer one --input a --output b, one, moe run",
    "bench DIR --nonsense, --nonsense, moe bench",
    "bench DIR --seconds soon, soon, moe bench",
    "demo DIR, DIR, moe demo",
    "devices --all, --all, moe devices",
  })
  void isOneSentenceAndAHint(String line, String expected, String command) {
    MoeRun run = MoeRun.of(line.isEmpty() ? new Object[0] : line.split(" "));
    assertThat(run.refusal()).contains(expected);
    assertThat(run.err().lines().toList().getLast()).isEqualTo("Try: %s --help", command);
    assertThat(run.out()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "verfy DIR; there is no command verfy; the nearest is verify",
        "bench DIR --tokns 1; there is no option --tokns; the nearest is --tokens",
        "explain DIR DIR2; one argument too many: DIR2; ",
        "verify; DIR is missing; ",
        "bench DIR --preset mixtral; DIR and --preset NAME exclude each other: give one; ",
        "run DIR --layer=0; --input FILE --output FILE or --sample-input FILE is missing; ",
        "run; missing: --layer=L, DIR; ",
        "run DIR --input=a --output=b; --layer L is missing; ",
        "run DIR --layer=0 --input=a; missing: --output=FILE; ",
        "bench DIR --layers 0-1; --layers must be a whole number, found 0-1; ",
        "bench DIR --seconds soon; --seconds must be a number, found soon; ",
        "verify DIR --alias; --alias needs a value: on|off|require; ",
        "explain DIR --alias maybe; --alias must be one of on, off, require, found maybe; ",
      })
  void saysItInItsOwnWords(String line, String sentence, String nearest) {
    assertThat(MoeRun.of((Object[]) line.split(" ")).refusal())
        .isEqualTo(nearest == null ? sentence : sentence + "; " + nearest);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cuda", "CPU", "tornado", "", "cpu,reference"})
  void anUnknownBackendIsRefusedWithThoseThereAreByEveryCommand(String backend) {
    String checkpoint = Golden.directory("hf/mixtral").toString();
    Object[][] lines = {
      {"verify", checkpoint},
      {"explain", checkpoint},
      {"run", checkpoint, "--layer=0", "--input=in", "--output=out"},
      {"bench", checkpoint},
    };
    for (Object[] line : lines) {
      Object[] withBackend = Arrays.copyOf(line, line.length + 1);
      withBackend[line.length] = "--backend=" + backend;
      assertThat(MoeRun.of(withBackend).refusal())
          .contains("\"" + backend + "\"", "cpu", "reference");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"verify", "explain", "bench"})
  void aPrecisionThatABackendDoesNotHaveIsRefused(String command) {
    String checkpoint = Golden.directory("hf/mixtral").toString();
    assertThat(
            MoeRun.of(command, checkpoint, "--precision", "fast", "--backend", "reference")
                .refusal())
        .contains("--precision fast", "\"reference\"", "--precision exact");
  }
}
