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
import dev.tornadomoe.tornado.replay.ReplayMode;
import dev.tornadomoe.tornado.tuning.TunedDevice;
import dev.tornadomoe.tornado.tuning.TuningEntry;
import dev.tornadomoe.tornado.tuning.TuningFile;
import dev.tornadomoe.tornado.tuning.TuningPlaces;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A tuner on the device: what it measures, and what is refused.
class TornadoTunerTest {
  private final String before = System.getProperty(TuningPlaces.PROPERTY);

  @TempDir private Path directory;
  private Checkpoint checkpoint;
  private List<MoeLayer> layers;

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
    System.clearProperty(ReplayMode.PROPERTY);
  }

  @Test
  void whatIsMeasuredIsWrittenAndUsed() {
    Path file = directory.resolve("tuning.json");
    System.setProperty(TornadoDevices.KERNELS_PROPERTY, "work-items");
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
        tune(layers.subList(0, 1), List.of(1, 6), null, file.toString(), progress);

    // Nothing to choose for one token; blocks of 2, 4, 8 and 16 for more.
    assertThat(report.toString())
        .contains("tokens=1, fromTokens=1, toTokens=1, variants=1, chosen=default")
        .contains("tokens=6, fromTokens=5, toTokens=8, variants=4")
        .contains("file=" + file);
    assertThat(steps).startsWith(0, 8, 1, 8).endsWith(8, 8);

    System.setProperty(TuningPlaces.PROPERTY, file.toString());
    TunedDevice device = TornadoDevices.choose(TornadoDevices.all()).tuned();
    TuningEntry entry = TuningFile.read(file, device).entries().getFirst();
    assertThat(Backends.require("tornado").devices())
        .anySatisfy(line -> assertThat(line).contains("tuned: 1 entry from " + file));
    assertThat(TornadoBackend.device().tuning().tuning(entry.key(), 8)).isEqualTo(entry.tuning());
  }

  @Test
  void withoutReplayThereAreNoTimesAndNothingIsChosen() {
    System.setProperty(ReplayMode.PROPERTY, "off");
    Path file = directory.resolve("tuning.json");
    assertThatThrownBy(() -> tune(layers, List.of(1), null, file.toString(), Progress.NONE))
        .isInstanceOf(MoeException.class)
        .hasMessage("there are no kernel times without replay: -Dtornadomoe.tornado.replay=off");
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
