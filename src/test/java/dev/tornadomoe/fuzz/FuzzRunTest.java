package dev.tornadomoe.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Runs Jazzer on each of `-Dfuzz.targets` for `-Dfuzz.seconds`, in its own JVM with little memory:
/// on one for seconds in `mvn verify`, where this shows that fuzzing still works, and on all for
/// ten minutes in `mvn -P fuzz -pl src -am test`. What it has learnt stays in
/// `target/fuzz/TARGET/corpus`, a finding in `target/fuzz/TARGET`; a finding goes to
/// `src/test/resources/fuzz/TARGET`, where [FuzzCorpusTest] runs it from then on.
@Tag("fuzz")
class FuzzRunTest {
  private static final Path DIRECTORY =
      Path.of("..", "target", "fuzz").toAbsolutePath().normalize();

  /// What Jazzer needs to begin is ten seconds of CPU, which on a busy machine are minutes, so its
  /// time says nothing. One that hangs, as its agent does now and then while it looks for classes
  /// of the JDK in its own threads, uses next to none for as long as this.
  private static final int SECONDS_AT_REST = 40;

  /// A JVM that waits uses a thousandth of a core; one that works, on the busiest machine, more
  /// than twice this.
  private static final Duration CPU_AT_REST = Duration.ofMillis(200);

  private static final int MOST_STARTS = 4;

  /// For a Jazzer that is ended before it can delete anything.
  @TempDir private Path temporary;

  static List<String> targets() {
    return List.of(System.getProperty("fuzz.targets", "safetensors").split(","));
  }

  @ParameterizedTest
  @MethodSource("targets")
  void findsNothing(String target) throws Exception {
    Path directory = DIRECTORY.resolve(target);
    Path corpus = Files.createDirectories(directory.resolve("corpus"));
    FuzzCorpus.write(target, corpus);
    Path log = directory.resolve("log");
    Process jazzer = start(target, directory, corpus, log);
    for (int starts = 1; !hasBegun(jazzer, log); starts++) {
      jazzer.destroyForcibly().waitFor();
      assertThat(starts).as("starts of Jazzer that hung").isLessThan(MOST_STARTS);
      jazzer = start(target, directory, corpus, log);
    }
    try {
      int exit = jazzer.waitFor();
      System.out.println(target + ": " + lastLine(log));
      assertThat(exit).as("what Jazzer says in %s", log).isZero();
    } finally {
      jazzer.destroyForcibly();
    }
  }

  private Process start(String target, Path directory, Path corpus, Path log) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    command.addAll(
        List.of(
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:+EnableDynamicAgentLoading",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-Djava.io.tmpdir=" + temporary,
            "-cp",
            System.getProperty("java.class.path"),
            "com.code_intelligence.jazzer.Jazzer",
            "--target_class=" + FuzzCorpus.targetClass(target).getName(),
            "--instrumentation_includes=dev.tornadomoe.**:tools.jackson.**",
            // Patterns of configs are meant to be compiled; they are bounded in another way.
            "--disabled_hooks=com.code_intelligence.jazzer.sanitizers.RegexInjection",
            "--reproducer_path=" + directory,
            "-artifact_prefix=" + directory + "/",
            "-timeout=120",
            "-max_total_time=" + Integer.getInteger("fuzz.seconds", 5),
            corpus.toString()));
    return new ProcessBuilder(command)
        .directory(directory.toFile())
        .redirectErrorStream(true)
        .redirectOutput(log.toFile())
        .start();
  }

  /// Whether it has begun, or ended; otherwise it hangs.
  private static boolean hasBegun(Process jazzer, Path log) throws Exception {
    Duration used = cpu(jazzer);
    for (int resting = 0; resting < SECONDS_AT_REST; resting++) {
      if (jazzer.waitFor(1, TimeUnit.SECONDS) || Files.readString(log).contains("INFO: Seed:")) {
        return true;
      }
      Duration now = cpu(jazzer);
      if (now.minus(used).compareTo(CPU_AT_REST) > 0) {
        used = now;
        resting = -1;
      }
    }
    return false;
  }

  /// What a process has used of it.
  private static Duration cpu(Process process) {
    return process.info().totalCpuDuration().orElse(Duration.ZERO);
  }

  private static String lastLine(Path log) throws IOException {
    return Files.readAllLines(log).getLast();
  }
}
