package dev.tornadomoe.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What SECURITY.md says about files that change while they are in use.
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "a mapped file can't be changed there")
class LostFileTest {
  private static final String SHORT = "the file has been cut short while its weights are in use";

  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({
    "hf/mixtral, cpu, shortened, calls," + SHORT,
    "hf/mixtral, cpu, removed, calls, fine",
    "hf/mixtral, cpu, replaced, calls, fine",
    "hf/mixtral, reference, shortened, calls," + SHORT,
    "hf/mixtral, reference, shortened, loading," + SHORT,
    "w4a16/qwen3_moe-ct_g32_sym, reference, shortened, loading," + SHORT,
    "w4a16/qwen3_moe-ct_g32_sym, cpu, removed, loading, fine"
  })
  void endsInASentenceOrGoesOn(String golden, String backend, String what, String when, String says)
      throws Exception {
    copy(golden);
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(LostFileRun.class.getName());
    command.addAll(List.of(directory.toString(), backend, what, when));
    Path out = directory.resolve("out");
    Process process =
        new ProcessBuilder(command)
            .directory(directory.toFile()) // where the JVM would leave its report
            .redirectOutput(out.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    assertThat(Files.readString(out)).contains(says).hasLineCount(1);
    assertThat(process.exitValue()).isZero();
  }

  private void copy(String golden) throws IOException, URISyntaxException {
    Path from = Path.of(LostFileTest.class.getResource("/golden/" + golden).toURI());
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, directory.resolve(file.getFileName()));
      }
    }
  }
}
