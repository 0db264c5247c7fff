package dev.tornadomoe.tornado.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tornado.TornadoBackend;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/// What is free on a device, where its driver says it.
class FreeMemoryTest {
  @Test
  void isWhatTheDeviceHasAtMost() {
    ChosenDevice device = TornadoBackend.device();
    OptionalLong free = FreeMemory.of(device.device());
    if (device.limits().name().contains("NVIDIA")) {
      assertThat(free).isPresent();
    }
    free.ifPresent(bytes -> assertThat(bytes).isBetween(1L, device.limits().memoryBytes()));
  }

  @Test
  void moreThanIsFreeIsRefused() {
    assertThatThrownBy(() -> FreeMemory.require("layer 3", 2 << 20, OptionalLong.of(1 << 20)))
        .isInstanceOf(BackendException.class)
        .hasMessage(
            "layer 3 needs 2 MiB on the device, of which 1 MiB are free: other programs, or other"
                + " parts of this one, hold the rest");
    assertThatCode(() -> FreeMemory.require("layer 3", 2 << 20, OptionalLong.of(2 << 20)))
        .doesNotThrowAnyException();
    assertThatCode(() -> FreeMemory.require("layer 3", 2 << 20, OptionalLong.empty()))
        .doesNotThrowAnyException();
  }
}
