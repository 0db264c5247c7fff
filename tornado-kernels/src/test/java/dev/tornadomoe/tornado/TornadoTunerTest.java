package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Tuner;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A tuner on the device: measured in a process of its own, whose profiler has times, and what is
/// refused.
class TornadoTunerTest {
  private final String before = System.getProperty(TuningPlaces.PROPERTY);

  @TempDir private Path directory;
  private Checkpoint checkpoint;
  private List<MoeLayer> layers;

  /// The process.
  static void main(String[] file) {
    try (Checkpoint checkpoint = open()) {
      List<Integer> steps = new ArrayList<>();
      Progress progress =
          new Progress() {
            @Override
            public void update(long done, long total) {}

            @Override
            public void measured(int done, int total) {
              steps.add(done);
              steps.add(total);
            }
          };
      Tuner.Report report =
          tune(layers(checkpoint).subList(0, 1), List.of(1, 6), null, file[0], progress);
      System.out.println(report);
      System.out.println(steps);
    }
  }

  private static Tuner.Report tune(
      List<MoeLayer> layers, List<Integer> tokens, String device, String file, Progress progress) {
    Backend backend = Backends.require("tornado");
    return backend
        .tuner()
        .orElseThrow()
        .tune(new Tuner.Request(layers, tokens, 0.01, device, Path.of(file)), progress);
  }

  private static Checkpoint open() {
    return Checkpoint.open(Path.of("../src/test/resources/golden/hf/qwen3_moe"));
  }

  private static List<MoeLayer> layers(Checkpoint checkpoint) {
    MoeModel model = MoeModel.of(checkpoint);
    return model.layerIndices().stream().map(model::layer).toList();
  }

  @BeforeEach
  void openLayers() {
    checkpoint = open();
    layers = layers(checkpoint);
  }

  @AfterEach
  void close() {
    checkpoint.close();
    if (before == null) {
      System.clearProperty(TuningPlaces.PROPERTY);
    } else {
      System.setProperty(TuningPlaces.PROPERTY, before);
    }
    System.clearProperty(TornadoDevices.KERNELS_PROPERTY);
  }

  @Test
  void whatIsMeasuredIsWrittenAndUsed() throws Exception {
    Path file = directory.resolve("tuning.json");
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElseThrow());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.add(String.format(Locale.ROOT, "-D%s=work-items", TornadoDevices.KERNELS_PROPERTY));
    command.add(String.format(Locale.ROOT, "-D%s=none", TuningPlaces.PROPERTY));
    command.add("-Dtornado.opencl.profiling.enable=true");
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("java.class.path"),
            TornadoTunerTest.class.getName(),
            file.toString()));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    // Nothing to choose for one token; blocks of 2, 4, 8 and 16 for more.
    assertThat(text)
        .contains("tokens=1, fromTokens=1, toTokens=1, variants=1, chosen=default")
        .contains("tokens=6, fromTokens=5, toTokens=8, variants=4")
        .contains("file=" + file)
        .contains("[0, 8, 1, 8, ")
        .containsPattern("8, 8]\\s*$");

    System.setProperty(TornadoDevices.KERNELS_PROPERTY, "work-items");
    System.setProperty(TuningPlaces.PROPERTY, file.toString());
    TunedDevice device = TornadoDevices.choose(TornadoDevices.all()).tuned();
    TuningEntry entry = TuningFile.read(file, device).entries().getFirst();
    assertThat(Backends.require("tornado").devices())
        .anySatisfy(line -> assertThat(line).contains("tuned: 1 entry from " + file));
    assertThat(TornadoBackend.device().limits().tuning(entry.key(), 8)).isEqualTo(entry.tuning());
  }

  @Test
  void withoutKernelTimesNothingIsChosen() {
    Path file = directory.resolve("tuning.json");
    assertThatThrownBy(() -> tune(layers, List.of(1), null, file.toString(), Progress.NONE))
        .isInstanceOf(MoeException.class)
        .hasMessageContaining("-Dtornado.opencl.profiling.enable=true");
    assertThat(file).doesNotExist();
  }

  @Test
  void whatCanNotBeMeasuredIsRefusedBeforeAnythingIs() throws Exception {
    Path file = directory.resolve("tuning.json");
    assertThat(refusal(layers, "9:9", file))
        .startsWith("device 9:9: there is no such device (there are: 0:0");
    assertThat(refusal(Collections.nCopies(9, layers.getFirst()), null, file))
        .isEqualTo("at most 8 layers can be measured together, found 9");
    assertThat(refusal(layers, null, directory.resolve("no/tuning.json")))
        .contains("can't be written, there is no directory");
    assertThat(refusal(layers, null, directory)).contains("it is a directory");
    try (Checkpoint mixtral = Checkpoint.open(Path.of("../src/test/resources/golden/hf/mixtral"))) {
      List<MoeLayer> mixed = List.of(layers.getFirst(), MoeModel.of(mixtral).layer(0));
      assertThat(refusal(mixed, null, file))
          .startsWith("layers that are measured together must be alike, found ");
    }
    Files.writeString(file, "my diary");
    assertThat(refusal(layers, null, file)).startsWith(file + ": not valid JSON");
    assertThat(file).hasContent("my diary");
  }

  private static String refusal(List<MoeLayer> layers, String device, Path file) {
    try {
      tune(layers, List.of(1), device, file.toString(), Progress.NONE);
    } catch (MoeException e) {
      return e.getMessage();
    }
    throw new AssertionError("it was tuned");
  }
}
