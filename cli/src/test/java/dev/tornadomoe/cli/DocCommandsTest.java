package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.docs.Sample;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The commands that README, getting started and guide show work, in their order, on a checkpoint
/// with one layer. On every other page each is one that this test runs, or has a reason not to.
class DocCommandsTest {
  private static final Path CHECKPOINT = Golden.directory("w4a16/qwen3_moe-ct_g32_sym");

  /// What is not run here, and why.
  private static final Map<Pattern, String> NOT_HERE = notHere();

  /// Files that a command makes or that one before it made.
  private static final Pattern FILE = Pattern.compile("[\\w-]+\\.(safetensors|svg|html)|moe-demo");

  @TempDir private Path directory;

  private static Map<Pattern, String> notHere() {
    Map<String, String> reasons = new LinkedHashMap<>();
    reasons.put("mvn .*", "a build within the build");
    reasons.put("java .*", "ReadmeTest runs the program");
    reasons.put("\\./moe tune .*", "takes a device and minutes; TuneTest has it");
    reasons.put(".*--backend tornado.*", "takes TornadoVM's module, whose own tests run it");
    reasons.put("mpirun.*|srun .*", "takes a launcher; ParallelGoldenTest starts one");
    reasons.put("\\./moe bench .*--preset .*", "makes hundreds of MB of weights");
    reasons.put("MOE_CLASS_PATH=.*", "takes a jar of the reader; FamiliesDocTest has its class");
    Map<Pattern, String> patterns = new LinkedHashMap<>();
    reasons.forEach((command, reason) -> patterns.put(Pattern.compile(command), reason));
    return patterns;
  }

  private static List<Path> pages() throws IOException {
    return Sample.pages().stream()
        .filter(page ->
            page.endsWith("README.md")
                || page.endsWith("getting-started.md")
                || page.endsWith("guide.md"))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("pages")
  void work(Path page) throws IOException {
    int count = 0;
    for (DocCommand command : DocCommand.of(page)) {
      if (reason(command).isEmpty()) {
        run(command);
        count++;
      }
    }
    assertThat(count).as("commands of " + page).isGreaterThan(4);
  }

  @Test
  void noneIsLeftOutWithoutAReason() throws IOException {
    List<DocCommand> left = new ArrayList<>();
    for (Path page : Sample.pages()) {
      left.addAll(
          DocCommand.of(page).stream()
              .filter(command -> reason(command).isEmpty())
              .filter(command -> !command.text().startsWith("./moe "))
              .toList());
    }
    assertThat(left).isEmpty();
  }

  @Test
  void everyReasonIsNeeded() throws IOException {
    List<String> all = new ArrayList<>();
    for (Path page : Sample.pages()) {
      DocCommand.of(page).forEach(command -> all.add(command.text()));
    }
    assertThat(NOT_HERE.keySet())
        .allSatisfy(
            pattern -> assertThat(all).anyMatch(command -> pattern.matcher(command).matches()));
  }

  private static Optional<String> reason(DocCommand command) {
    return NOT_HERE.entrySet().stream()
        .filter(entry -> entry.getKey().matcher(command.text()).matches())
        .map(Map.Entry::getValue)
        .findFirst();
  }

  private void run(DocCommand command) {
    List<Object> arguments = new ArrayList<>();
    for (String word : command.text().substring("./moe ".length()).split(" +")) {
      arguments.add(substituted(word));
    }
    if (arguments.contains("bench")) {
      arguments.add("--seconds=0.01"); // that it works, not how fast
    }
    MoeRun run = MoeRun.of(arguments.toArray());
    assertThat(run.exit())
        .as("%s: %s%n%s%s", command.page(), command.text(), run.out(), run.err())
        .isZero();
  }

  private String substituted(String word) {
    return switch (word) {
      case "DIR", "DIR..." -> CHECKPOINT.toString();
      case "FILE.safetensors" -> CHECKPOINT.resolve("model.safetensors").toString();
      case "COMMAND" -> "verify";
      default -> FILE.matcher(word).matches() ? directory.resolve(word).toString() : word;
    };
  }

  @Test
  void theSampleThatRunMakesIsWhatItTakes() throws IOException {
    Path sample = directory.resolve("hidden.safetensors");
    MoeRun.of("run", CHECKPOINT, "--layer=0", "--sample-input", sample, "--tokens=3").fine();
    Path again = directory.resolve("again.safetensors");
    MoeRun.of("run", CHECKPOINT, "--layer=0", "--sample-input", again, "--tokens=3").fine();
    assertThat(Files.readAllBytes(again)).isEqualTo(Files.readAllBytes(sample));
    Path output = directory.resolve("y.safetensors");
    MoeRun run = MoeRun.of("run", CHECKPOINT, "--layer=0", "--input", sample, "--output", output);
    assertThat(run.fine().err()).contains("\"output\" F32 [3, 256]");
  }
}
