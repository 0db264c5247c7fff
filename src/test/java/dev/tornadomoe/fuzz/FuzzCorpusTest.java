package dev.tornadomoe.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The fuzz targets without a fuzzer: on the inputs that fuzzing begins with, on these cut off and
/// with bytes changed, and on everything that fuzzing has found.
class FuzzCorpusTest {
  private static final MethodType INPUT = MethodType.methodType(void.class, byte[].class);

  private static void run(String target, byte[] input) throws Throwable {
    MethodHandle handle =
        MethodHandles.lookup()
            .findStatic(FuzzCorpus.targetClass(target), "fuzzerTestOneInput", INPUT);
    handle.invokeExact(input);
  }

  @ParameterizedTest
  @ValueSource(strings = {"safetensors", "gguf", "config", "quantisation", "quantisation-file"})
  void whatFuzzingBeginsWith(String target) {
    List<byte[]> inputs = FuzzCorpus.of(target);
    assertThat(inputs).hasSizeGreaterThanOrEqualTo(10);
    for (byte[] input : inputs) {
      assertThatCode(() -> run(target, input)).doesNotThrowAnyException();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"safetensors", "gguf", "config", "quantisation", "quantisation-file"})
  void whatFuzzingFound(String target) throws Exception {
    URL findings = FuzzCorpusTest.class.getResource("/fuzz/" + target);
    if (findings == null) {
      return; // none yet
    }
    try (Stream<Path> files = Files.list(Path.of(findings.toURI()))) {
      for (Path file : files.toList()) {
        byte[] input = Files.readAllBytes(file);
        assertThatCode(() -> run(target, input)).as(file.toString()).doesNotThrowAnyException();
      }
    }
  }
}
