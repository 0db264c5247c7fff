package dev.tornadomoe.cli.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import org.junit.jupiter.api.Test;

/// In a build without it, as these tests are.
class DeviceBackendTest {
  @Test
  void whereItIsMissingTheRemedyIsSaid() {
    assertThatThrownBy(() -> DeviceBackend.require(DeviceBackend.NAME))
        .isInstanceOf(BackendException.class)
        .hasMessageStartingWith("there is no backend \"tornado\" on the class path (there are: ")
        .hasMessageContainingAll("TORNADOVM_HOME", "sdk install tornadovm", "docs/tornadovm.md");
  }

  @Test
  void whereAnotherIsMissingItIsNot() {
    assertThatThrownBy(() -> DeviceBackend.require("nonsense"))
        .isInstanceOf(BackendException.class)
        .hasMessageEndingWith(")");
  }

  @Test
  void othersAreTaken() {
    assertThat(DeviceBackend.require("reference").name()).isEqualTo("reference");
  }
}
