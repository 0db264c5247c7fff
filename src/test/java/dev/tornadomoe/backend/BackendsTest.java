package dev.tornadomoe.backend;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
}
