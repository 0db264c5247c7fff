package dev.tornadomoe.tornado.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tornado.TornadoBackend;
import dev.tornadomoe.tornado.replay.FreeMemory.Source;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What is free on a device, where somebody says it.
class FreeMemoryTest {
  @Test
  void isWhatTheDeviceHasAtMost() {
    ChosenDevice device = TornadoBackend.device();
    FreeMemory free = FreeMemory.of(device.device());
    if (device.limits().name().contains("NVIDIA")) {
      assertThat(free.how()).isEqualTo("NVML by UUID");
    }
    free.bytes().ifPresent(bytes -> assertThat(bytes).isBetween(1L, device.limits().memoryBytes()));
  }

  @Test
  void devicesSayIt() {
    assertThat(new TornadoBackend().devices())
        .allMatch(line -> line.contains(" free (") || line.contains("free memory not known ("));
  }

  @Test
  void moreThanIsFreeIsRefused() {
    FreeMemory free = new FreeMemory(OptionalLong.of(1 << 20), "NVML by UUID");
    assertThatThrownBy(() -> free.require("layer 3", 2 << 20))
        .isInstanceOf(BackendException.class)
        .hasMessage(
            "layer 3 needs 2 MiB on the device, of which 1 MiB are free: other programs, or other"
                + " parts of this one, hold the rest");
    assertThatCode(() -> free.require("layer 3", 1 << 20)).doesNotThrowAnyException();
    assertThatCode(() ->
            new FreeMemory(OptionalLong.empty(), "nobody says it").require("layer 3", 2 << 20))
        .doesNotThrowAnyException();
  }

  @Test
  void theFirstThatKnowsIsBelieved() {
    Source knows = new Source("the second", () -> 5 << 20);
    Source knowsNot =
        new Source(
            "the first",
            () -> {
              throw new ReplayException("it does not know");
            });
    assertThat(FreeMemory.first(List.of(knowsNot, knows))).hasToString("5 MiB free (the second)");
    assertThat(FreeMemory.first(List.of(knowsNot)))
        .hasToString("free memory not known (it does not know)");
  }

  /// The form in which `nvidia-smi -L` prints it.
  @Test
  void uuidsAreWrittenAsNvidiaDoes() {
    assertThat(DeviceNames.uuid(HexFormat.of().parseHex("6b21f3a00f5c4d3e8a9b0c1d2e3f4051")))
        .isEqualTo("GPU-6b21f3a0-0f5c-4d3e-8a9b-0c1d2e3f4051");
  }

  @Test
  void linuxSaysWhatIsFreeOfVideoMemory(@TempDir Path devices) throws IOException {
    Path device = Files.createDirectory(devices.resolve("0000:03:00.0"));
    Files.writeString(device.resolve("mem_info_vram_total"), "17163091968\n");
    Files.writeString(device.resolve("mem_info_vram_used"), "163091968\n");
    VideoMemoryFiles files = new VideoMemoryFiles(devices);
    assertThat(files.free("0000:03:00.0", 17_163_091_968L)).isEqualTo(17_000_000_000L);
    assertThatThrownBy(() -> files.free("0000:03:00.0", 64L << 30))
        .isInstanceOf(ReplayException.class)
        .hasMessageContaining("says 16.0 GiB, but the device uses 64 GiB, the host's memory");
    assertThatThrownBy(() -> files.free("0000:04:00.0", 1))
        .isInstanceOf(ReplayException.class)
        .hasMessageEndingWith("mem_info_vram_total can't be read as a number of bytes");
  }
}
