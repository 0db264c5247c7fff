package dev.tornadomoe.tornado.tuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.tornado.device.KernelShape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Tuning files: what is written is read again, and what is wrong is refused in a sentence that
/// names file, field, expected and found.
class TuningFileTest {
  private static final TunedDevice DEVICE = TunedDevice.gpu("Chip 9", "Chip 9, driver 1");
  private static final TuningKey KEY =
      new TuningKey(KernelShape.WORK_GROUPS, 2048, 768, 128, 8, "int4 g32");
  private static final Tuning TUNING =
      new Tuning(
          new GroupShape(256, 4),
          new GroupShape(128, 2),
          16,
          new GroupShape(64, 2),
          new GroupShape(128, 8));

  @TempDir private Path directory;

  @Test
  void whatIsWrittenIsReadAgain() {
    TuningFile file =
        new TuningFile(
            DEVICE,
            TuningFile.KERNELS,
            List.of(
                TuningEntry.of(KEY, 1, TUNING, 31.5, 40.0),
                TuningEntry.of(KEY, 256, TUNING, 900.0, 900.0)));
    Path path = directory.resolve(DEVICE.fileName());
    file.write(path);
    assertThat(path).hasFileName("chip-9.json");
    assertThat(TuningFile.read(path, DEVICE)).isEqualTo(file);
  }

  @Test
  void theSameIsReplacedAndTheRestStays() {
    TuningEntry one = TuningEntry.of(KEY, 1, TUNING, 31.5, 40.0);
    TuningEntry many = TuningEntry.of(KEY, 250, TUNING, 900.0, 900.0);
    TuningEntry again = TuningEntry.of(KEY, 256, TUNING, 800.0, 900.0);
    TuningFile before = new TuningFile(DEVICE, TuningFile.KERNELS, List.of(one, many));
    assertThat(before.with(List.of(again), DEVICE).entries()).containsExactly(one, again);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '#',
      value = {
        "\"format\" : 1 | \"format\" : 2 | FILE: format: expected a number from 1 to 1, found 2",
        "Chip 9\", | Chip 8\", | FILE: device: expected Chip 9, found Chip 8",
        "\"measured_on\" : \"Chip 9, driver 1\" | \"measured_on\" : 1 | FILE: measured_on: expected"
            + " a text, found 1",
        "\"kernels_version\" : | \"kernels_version\" : \"x\", \"y\" : | FILE: kernels_version:"
            + " expected a number from 1 to 2147483647, found x",
        "\"kernels\" : \"work-groups\" | \"kernels\" : \"waves\" | FILE: entry 0: kernels: expected"
            + " work-items or work-groups, found waves",
        "\"hidden\" : 2048 | \"hidden\" : 2048.5 | FILE: entry 0: hidden: expected a number from 1"
            + " to 16777216, found 2048.5",
        "\"hidden\" : 2048, | # # | FILE: entry 0: hidden: expected a number from 1 to 16777216,"
            + " found nothing",
        "\"weights\" : \"int4 g32\" | \"weights\" : [] | FILE: entry 0: weights: expected a text,"
            + " found []",
        "\"to_tokens\" : 1 | \"to_tokens\" : 0 | FILE: entry 0: to_tokens: expected a number from 1"
            + " to 16777216, found 0",
        "\"threads\" : 256 | \"threads\" : 200 | FILE: entry 0: gate_up: threads: expected a power"
            + " of two, found 200",
        "\"threads\" : 256 | \"threads\" : 8 | FILE: entry 0: gate_up: threads: expected a number"
            + " from 16 to 1024, found 8",
        "\"threads\" : 256 | \"threads\" : 99999999999 | FILE: entry 0: gate_up: threads: expected"
            + " a number from 16 to 1024, found 99999999999",
        "\"rows\" : 4 | \"rows\" : 3 | FILE: entry 0: gate_up: rows: expected a power of two, found"
            + " 3",
        "\"threads\" : 64 | \"threads\" : 16 | FILE: entry 0: block_gate_up: threads: expected a"
            + " number from 32 to 1024, found 16",
        "\"rows\" : 8 | \"rows\" : 9 | FILE: entry 0: block_down: rows: expected a number from 1 to"
            + " 8, found 9",
        "\"block\" : 16 | \"block\" : 65 | FILE: entry 0: block: expected a number from 1 to 64,"
            + " found 65",
        "\"us_per_layer\" : 31.5 | \"us_per_layer\" : -1 | FILE: entry 0: us_per_layer: expected"
            + " microseconds, found -1",
        "\"entries\" : [ | \"entries\" : [ 5, | FILE: entry 0: expected a JSON object, found 5",
        "\"entries\" : | \"entrys\" : | FILE: entries: expected a list, found nothing",
      })
  void whatIsWrongIsRefused(String from, String to, String expected) throws IOException {
    assertThat(
            refusal(text -> {
              assertThat(text).contains(from);
              return text.replaceFirst(Pattern.quote(from), to);
            }))
        .isEqualTo(expected);
  }

  @Test
  void whatIsNoJsonIsRefused() throws IOException {
    assertThat(refusal(text -> text.substring(0, text.length() / 2)))
        .startsWith("FILE: not valid JSON (");
    assertThat(refusal(text -> "")).startsWith("FILE: ");
    assertThat(refusal(text -> "[1, 2]")).isEqualTo("FILE: expected a JSON object");
    assertThat(refusal(text -> text + "x")).startsWith("FILE: not valid JSON (");
    assertThat(refusal(text -> text + "{}"))
        .isEqualTo("FILE: text after the end of the JSON object");
    assertThat(refusal(text -> text.replace("Chip 9\",", "Chip\\n\\u001b[2J\",")))
        .isEqualTo("FILE: device: expected Chip 9, found Chip??[2J");
  }

  @Test
  void whatIsNotThereIsRefused() {
    assertThatThrownBy(() -> TuningFile.read(directory.resolve("none.json"), DEVICE))
        .isInstanceOf(MoeException.class)
        .hasMessage("%s: no such file", directory.resolve("none.json"));
    assertThatThrownBy(() -> TuningFile.read(directory, DEVICE))
        .hasMessage("%s: no regular file", directory);
  }

  /// Its entries may have fields of another version.
  @Test
  void aStaleOneHasNoEntries() throws IOException {
    Path path =
        written(text ->
            text.replace("\"kernels_version\" : " + TuningFile.KERNELS, "\"kernels_version\" : 999")
                .replace("\"hidden\"", "\"width\""));
    TuningFile file = TuningFile.read(path, DEVICE);
    assertThat(file.isStale()).isTrue();
    assertThat(file.entries()).isEmpty();
    assertThat(file.staleness())
        .isEqualTo(
            "kernels_version: expected %d, found 999: other kernels were measured, run moe tune"
                + " again",
            TuningFile.KERNELS);
  }

  private String refusal(UnaryOperator<String> damage) throws IOException {
    Path path = written(damage);
    try {
      TuningFile.read(path, DEVICE);
    } catch (MoeException e) {
      return e.getMessage().replace(path.toString(), "FILE");
    }
    throw new AssertionError("it was read");
  }

  private Path written(UnaryOperator<String> damage) throws IOException {
    Path path = directory.resolve("tuning.json");
    TuningFile.empty(DEVICE)
        .with(List.of(TuningEntry.of(KEY, 1, TUNING, 31.5, 40.0)), DEVICE)
        .write(path);
    return Files.writeString(path, damage.apply(Files.readString(path)));
  }
}
