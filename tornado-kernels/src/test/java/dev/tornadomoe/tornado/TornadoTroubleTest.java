package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What is said where TornadoVM can't work, in processes of their own: it is loaded once.
class TornadoTroubleTest {
  private static final String ARGFILE = "-Dtornado.load.runtime.implementation=";

  /// The process: asks twice, as the command line does.
  static void main() {
    System.out.println(new TornadoBackend().availability());
    System.out.println(new TornadoBackend().availability());
  }

  @AfterEach
  void reset() {
    System.clearProperty(TornadoDevices.BUFFER_PROPERTY);
  }

  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "the variable belongs to Linux's OpenCL loaders")
  void withoutAnOpenClDevice() throws Exception {
    assertThat(asked(List.of(), true, Map.of("OCL_ICD_VENDORS", "/nonexistent")))
        .startsWith("OpenCL has no device; install the OpenCL driver of your GPU, or PoCL");
  }

  @Test
  void withoutTheArgfile() throws Exception {
    assertThat(asked(List.of(), false, Map.of()))
        .startsWith("this JVM was not started for TornadoVM; start it with the SDK's argfile");
  }

  @Test
  void withASettingThatTornadoVmCantRead() throws Exception {
    assertThat(asked(List.of("-Dtornado.max.events=many"), true, Map.of()))
        .startsWith(
            "TornadoVM can't be loaded (NumberFormatException: For input string: \"many\")");
  }

  @ParameterizedTest
  @ValueSource(strings = {"many", "0", "-5", "1.5", ""})
  void withALargestBufferThatIsNoNumberOfBytes(String requested) {
    System.setProperty(TornadoDevices.BUFFER_PROPERTY, requested);
    assertThatThrownBy(TornadoBackend::device)
        .hasMessage(
            String.format(
                Locale.ROOT,
                "-Dtornadomoe.tornado.buffer=%s: expected a number of bytes",
                requested));
  }

  /// The sentence, which is the same both times and all there is on stdout and stderr.
  private static String asked(
      List<String> options, boolean argfile, Map<String, String> environment)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElseThrow());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argfile || !argument.startsWith(ARGFILE))
        .forEach(command::add);
    command.addAll(options);
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), TornadoTroubleTest.class.getName()));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().putAll(environment);
    Process process = builder.start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    List<String> lines =
        text.lines().filter(line -> !line.startsWith("WARNING: Using incubator modules")).toList();
    assertThat(lines).hasSize(2);
    assertThat(lines.getLast()).isEqualTo(lines.getFirst());
    return lines.getFirst();
  }
}
