package dev.tornadomoe.tornado.device;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/// The settings that TornadoVM is loaded with.
class TornadoSetupTest {

  @Test
  void whatTheUserHasSetStays() {
    String name = "tornado.tvm.maxbytecodesize";
    String before = System.getProperty(name);
    System.setProperty(name, "131072");
    try {
      TornadoSetup.applySettings();
      assertThat(System.getProperty(name)).isEqualTo("131072");
      assertThat(System.getProperty("tornado.recover.bailout")).isEqualTo("False");
    } finally {
      if (before == null) {
        System.clearProperty(name);
      } else {
        System.setProperty(name, before);
      }
    }
  }
}
