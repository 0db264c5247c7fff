package dev.tornadomoe.tornado.tuning;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.tornado.Logged;
import dev.tornadomoe.tornado.TornadoDevices;
import dev.tornadomoe.tornado.device.KernelShape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Where tunings are looked for, and what is said of them.
class TuningPlacesTest {
  private static final TunedDevice DEVICE = TunedDevice.gpu("No such chip", "by hand");
  private static final TuningKey KEY =
      new TuningKey(KernelShape.WORK_GROUPS, 2048, 768, 128, 8, "int4 g32");
  private static final Tuning TUNING =
      new Tuning(
          new GroupShape(512, 8),
          new GroupShape(128, 2),
          16,
          new GroupShape(64, 2),
          new GroupShape(128, 8));

  private final String before = System.getProperty(TuningPlaces.PROPERTY);

  @TempDir private Path directory;

  @AfterEach
  void restore() {
    if (before == null) {
      System.clearProperty(TuningPlaces.PROPERTY);
    } else {
      System.setProperty(TuningPlaces.PROPERTY, before);
    }
  }

  @Test
  void theUsersFileIsUsed() {
    Path file = name("mine.json");
    TuningFile.empty(DEVICE)
        .with(List.of(TuningEntry.of(KEY, 1, TUNING, 1, 1)), DEVICE)
        .write(file);
    TuningPlaces found = TuningPlaces.of(DEVICE);
    assertThat(found.source()).isEqualTo("tuned: 1 entry from " + file);
    assertThat(found.refusal()).isNull();
    assertThat(found.forSession().find(KEY, 1)).contains(TUNING);
  }

  @Test
  void noneIsNone() {
    System.setProperty(TuningPlaces.PROPERTY, "none");
    TuningPlaces found = TuningPlaces.of(TornadoDevices.all().getFirst().tuned());
    assertThat(found.source()).isEqualTo("not tuned (-Dtornadomoe.tornado.tuning=none)");
    assertThat(found.entries()).isEmpty();
  }

  @Test
  void aNamedFileThatIsNotThereIsRefused() {
    Path file = name("none.json");
    assertThat(TuningPlaces.of(DEVICE).source())
        .isEqualTo("not tuned (moe tune), tuning refused: %s: no such file", file);
  }

  @Test
  void anEmptyNameIsRefused() {
    System.setProperty(TuningPlaces.PROPERTY, "");
    assertThat(TuningPlaces.of(DEVICE).refusal())
        .isEqualTo("-Dtornadomoe.tornado.tuning=: expected a file, or none");
  }

  @Test
  void aStaleFileIsRefusedWhichIsSaidOnceAndTheDefaultUsed() {
    Path file = name("stale.json");
    new TuningFile(DEVICE, TuningFile.KERNELS + 1, List.of()).write(file);
    List<String> said;
    try (Logged log = new Logged("dev.tornadomoe.tornado")) {
      assertThat(TuningPlaces.of(DEVICE).forSession().find(KEY, 1)).isEmpty();
      assertThat(TuningPlaces.of(DEVICE).forSession().find(KEY, 1)).isEmpty();
      said = log.sentences();
    }
    assertThat(said)
        .containsExactly(
            String.format(
                Locale.ROOT,
                "tuning refused, default used: %s: kernels_version: expected %d, found %d: other"
                    + " kernels were measured, run moe tune again",
                file,
                TuningFile.KERNELS,
                TuningFile.KERNELS + 1));
  }

  /// What is shipped can be read. It may have been measured with kernels of before.
  @Test
  void whatIsShippedCanBeRead() throws IOException {
    Path resources = Path.of("src/main/resources/dev/tornadomoe/tornado/tuning");
    try (var files = Files.list(resources)) {
      for (Path file : files.toList()) {
        String text = Files.readString(file);
        String device = text.replaceFirst("(?s).*?\"device\" : \"([^\"]*)\".*", "$1");
        TunedDevice tuned = TunedDevice.gpu(device, "");
        TuningFile shipped = TuningFile.read(file, tuned);
        assertThat(shipped.kernels()).as(file.toString()).isLessThanOrEqualTo(TuningFile.KERNELS);
        assertThat(shipped.entries().isEmpty()).as(file.toString()).isEqualTo(shipped.isStale());
        assertThat(file).hasFileName(tuned.fileName());
        TuningFile.empty(tuned).write(name("mine.json"));
        TuningPlaces found = TuningPlaces.of(tuned);
        assertThat(found.refusal()).isNull();
        assertThat(found.source())
            .contains(
                shipped.isStale() ? "what is shipped was measured with other kernels" : " shipped");
      }
    }
  }

  @Test
  void devicesSaysWhereATuningComesFrom() {
    Path file = name("broken.json");
    TuningFile.empty(DEVICE).write(file);
    assertThat(Backends.require("tornado").devices())
        .allSatisfy(line ->
            assertThat(line)
                .contains(String.format(Locale.ROOT, "tuning refused: %s: device: expected ", file))
                .contains(", found No such chip"));
  }

  private Path name(String file) {
    Path path = directory.resolve(file);
    System.setProperty(TuningPlaces.PROPERTY, path.toString());
    return path;
  }
}
