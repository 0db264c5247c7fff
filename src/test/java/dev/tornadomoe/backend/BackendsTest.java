package dev.tornadomoe.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;

class BackendsTest {

  @Test
  void aNameThatThereIsNotIsAnsweredWithThoseThatThereAre() {
    assertThatThrownBy(() -> Backends.require("nonsense"))
        .isInstanceOf(BackendException.class)
        .hasMessageStartingWith("there is no backend \"nonsense\" on the class path (there are: ")
        .hasMessageContainingAll("cpu", "reference")
        .hasMessageEndingWith(")");
  }

  @Test
  void aBuildWithoutTornadoVmSaysHowToGetIt() {
    assumeTrue(
        Backends.all().stream().noneMatch(backend -> backend.name().equals(Backends.TORNADO)),
        "this build has it");

    assertThatThrownBy(() -> Backends.require(Backends.TORNADO))
        .isInstanceOf(BackendException.class)
        .hasMessageContainingAll("there is no backend \"tornado\"", Backends.TORNADO_MISSING);
    assertThat(Backends.TORNADO_MISSING)
        .contains("TORNADOVM_HOME", "sdk install tornadovm", "docs/tornadovm.md");
  }
}
