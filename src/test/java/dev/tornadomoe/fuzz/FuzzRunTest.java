package dev.tornadomoe.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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

  /// How long Jazzer may take to begin. Its agent hangs now and then, at random, while it looks for
  /// classes of the JDK in its own threads.
  private static final long SECONDS_TO_BEGIN = 40;

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

  private static boolean hasBegun(Process jazzer, Path log) throws Exception {
    for (int second = 0; second < SECONDS_TO_BEGIN; second++) {
      if (jazzer.waitFor(1, TimeUnit.SECONDS) || Files.readString(log).contains("INFO: Seed:")) {
        return true;
      }
    }
    return false;
  }

  private static String lastLine(Path log) throws IOException {
    return Files.readAllLines(log).getLast();
  }
}
