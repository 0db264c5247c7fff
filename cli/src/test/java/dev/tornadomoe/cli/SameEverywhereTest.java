package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.cli.console.Complaint;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What commands write depends neither on the locale nor on the JVM's run, which has hash seeds of
/// its own for `Map.of`.
class SameEverywhereTest {
  private static final List<String> ALL =
      List.of(
          "--help",
          "bench --help",
          "devices",
          "explain CHECKPOINT --layers 0",
          "explain CHECKPOINT --format json",
          "explain CHECKPOINT --format json --experts unreduced --alias off",
          "explain CHECKPOINT --format svg",
          "explain CHECKPOINT --format dot --tokens 64",
          "inspect CHECKPOINT",
          "inspect CHECKPOINT --json",
          "inspect CHECKPOINT/model.safetensors --json",
          "verify CHECKPOINT",
          "verify CHECKPOINT --json --sanitize",
          "verify nowhere",
          "run CHECKPOINT --layer 0 --input CHECKPOINT/golden.safetensors --tensor layer0/m1/input"
              + " --output OUTPUT/rows",
          "demo --keep OUTPUT/demo",
          // Times differ, so only digits count.
          "bench CHECKPOINT --tokens 1 --seconds 0.01 --html OUTPUT/report.html",
          "bench CHECKPOINT --tokens 1 --seconds 0.01 --json");

  @TempDir private Path directory;

  /// The other process: all commands, each into a file.
  ///
  /// @param args the checkpoint and where to write
  static void main(String[] args) throws IOException {
    Path output = Path.of(args[1]);
    for (int i = 0; i < ALL.size(); i++) {
      String line = ALL.get(i).replace("CHECKPOINT", args[0]).replace("OUTPUT", args[1]);
      MoeRun run = MoeRun.of((Object[]) line.split(" "));
      String text = run.exit() + "\n" + run.out() + run.err();
      Files.writeString(output.resolve(i + ".txt"), text.replace(args[1], "OUTPUT"));
    }
  }

  @Test
  void everyCommandWritesTheSameBytes() throws Exception {
    Path here = written("here", "-Duser.language=en", "-Duser.country=US");
    Path there = written("there", "-Duser.language=ar", "-Duser.country=EG");
    for (int i = 0; i < ALL.size(); i++) {
      String text = Files.readString(there.resolve(i + ".txt"));
      assertThat(text).as(ALL.get(i)).doesNotContainPattern("[\\p{Nd}&&[^0-9]]");
      if (!ALL.get(i).startsWith("bench CHECK")) {
        assertThat(text).as(ALL.get(i)).isEqualTo(Files.readString(here.resolve(i + ".txt")));
      }
    }
    assertThat(Files.readString(there.resolve("report.html")))
        .contains("<svg")
        .doesNotContainPattern("[\\p{Nd}&&[^0-9]]");
    assertThat(there.resolve("rows")).hasSameBinaryContentAs(here.resolve("rows"));
    try (Stream<Path> made = Files.list(here.resolve("demo"))) {
      assertThat(made.toList())
          .hasSizeGreaterThan(4)
          .allSatisfy(file ->
              assertThat(there.resolve("demo").resolve(file.getFileName()))
                  .hasSameBinaryContentAs(file));
    }
  }

  private Path written(String name, String... options) throws Exception {
    Path output = Files.createDirectory(directory.resolve(name));
    String checkpoint = Golden.directory("w4a16/qwen3_moe-ct_g32_sym").toString();
    JavaRun run = JavaRun.of(options).run(SameEverywhereTest.class, checkpoint, output.toString());
    assertThat(run.exit()).as(run.text()).isZero();
    return output;
  }

  @Test
  void aPathThatTheLocaleHasNoLettersForSaysWhichVariableToSet() throws Exception {
    Path odd = directory.resolve("mod\u00e8le");
    Files.createDirectory(odd);
    for (String file : new String[] {"config.json", "model.safetensors", "golden.safetensors"}) {
      Files.copy(Golden.directory("hf/mixtral").resolve(file), odd.resolve(file));
    }
    JavaRun run = JavaRun.of().with(Map.of("LC_ALL", "C")).moe("verify", odd.toString());
    assertThat(run.exit()).isEqualTo(2);
    assertThat(run.text())
        .containsOnlyOnce("moe: ")
        .contains("letters that names of files don't have in this process's locale (US-ASCII)")
        .contains("set LC_ALL=C.UTF-8")
        .doesNotContain("Exception");
    JavaRun mended = JavaRun.of().with(Map.of("LC_ALL", "C.UTF-8")).moe("verify", odd.toString());
    assertThat(mended.exit()).as(mended.text()).isZero();
    assertThat(mended.text()).contains(odd.toString());
  }

  @Test
  void aShardThatTheLocaleHasNoLettersForIsRefusedLikewise() throws Exception {
    Path sharded = directory.resolve("sharded");
    Files.createDirectory(sharded);
    Files.copy(
        Golden.directory("hf/mixtral").resolve("config.json"), sharded.resolve("config.json"));
    Files.write(
        sharded.resolve("model.safetensors.index.json"),
        "{\"weight_map\": {\"a\": \"mod\u00e8le.safetensors\"}}".getBytes(StandardCharsets.UTF_8));
    JavaRun run = JavaRun.of().with(Map.of("LC_ALL", "C")).moe("explain", sharded.toString());
    assertThat(run.exit()).isEqualTo(2);
    assertThat(run.text()).contains("set LC_ALL=C.UTF-8").doesNotContain("Exception");
  }

  @Test
  void traceShowsTheStackOfEachFailureOfVerify() {
    MoeRun run = MoeRun.of("verify", directory.resolve("nowhere"), "--trace");
    System.clearProperty(Complaint.TRACE_PROPERTY);
    assertThat(run.exit()).isEqualTo(2);
    assertThat(run.err()).contains("CheckpointException", "\tat ", "moe: ");
  }
}
