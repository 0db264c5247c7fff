package dev.tornadomoe.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import dev.tornadomoe.backend.Tuner;
import dev.tornadomoe.cli.Golden;
import dev.tornadomoe.cli.MoeRun;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What `tune` refuses before it begins, and how it shows what was found.
class TuneTest {
  private static final Path CHECKPOINT = Golden.directory("hf/qwen2_moe");

  @ParameterizedTest
  @CsvSource({
    "CHECKPOINT --preset qwen3-30b-a3b, --preset",
    "CHECKPOINT --weights int4, --weights is for made-up weights",
    "--weights int3, --weights",
    "--layers 0, --layers must be 1 to 256",
    "--layers x, --layers",
    "--tokens 0, '--tokens must be 1 or more, found 0'",
    "'--tokens 1,x', --tokens",
    "'--tokens 1,-5', --tokens",
    "--seconds 0, '--seconds must be positive, found 0'",
    "--seconds NaN, --seconds",
    "--output no/such/place.json, 'no/such/place.json: can''t be written'",
    "--output CHECKPOINT, it is a directory",
    "--alias on, --alias",
    "--backend nonsense, 'there is no backend \"nonsense\"'",
    "--backend cpu, 'backend \"cpu\" has nothing to tune'",
    "CHECKPOINT --backend reference, 'backend \"reference\" has nothing to tune'",
  })
  void refusesWhatCanNotBeTuned(String options, String expected) {
    String line = "tune " + options.replace("CHECKPOINT", CHECKPOINT.toString());
    MoeRun run = MoeRun.of((Object[]) line.split(" +"));
    assertThat(run.refusal()).contains(expected);
    assertThat(run.out()).isEmpty();
  }

  @Test
  void theTableSaysWhatWasChosenAndWhatItSaves() {
    assertThat(printed(Path.of("chip.json")))
        .containsExactly(
            "some-model on 0:1 (Chip)",
            "     M  used for M  variants    us/layer     default  chosen",
            "     1  1                 17        31.5        40.0  gate/up 128 threads x 4 rows",
            "   250  129-256           18       900.0       900.0  default",
            "wrote chip.json");
    assertThat(printed(null)).last().isEqualTo("nothing to choose, nothing written");
  }

  @Test
  void theSameAsJson() {
    TuneTable table = new TuneTable("some-model", report(Path.of("chip.json")));
    assertThat(table.json())
        .contains(
            entry("device", "0:1 (Chip)"),
            entry("preset", "some-model"),
            entry("file", "chip.json"));
    assertThat(MoeRun.objects(table.json(), "choices").getFirst())
        .containsExactly(
            entry("tokens", 1),
            entry("from_tokens", 1),
            entry("to_tokens", 1),
            entry("variants", 17),
            entry("chosen", "gate/up 128 threads x 4 rows"),
            entry("us_per_layer", 31.5),
            entry("default_us_per_layer", 40.0));
    assertThat(new TuneTable("some-model", report(null)).json()).containsEntry("file", null);
  }

  private static List<String> printed(@Nullable Path file) {
    StringWriter text = new StringWriter();
    new TuneTable("some-model", report(file)).print(new PrintWriter(text, true));
    return text.toString().lines().toList();
  }

  private static Tuner.Report report(@Nullable Path file) {
    return new Tuner.Report(
        "0:1 (Chip)",
        file,
        null,
        List.of(
            new Tuner.Choice(1, 1, 1, 17, "gate/up 128 threads x 4 rows", 31.5, 40),
            new Tuner.Choice(250, 129, 256, 18, "default", 900, 900)));
  }
}
