package dev.tornadomoe.tornado.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backends;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Settings that TornadoVM has, and others that it has not.
class LateSettingsTest {
  @Test
  void thoseThatTornadoVmHasOtherwise() {
    Backends.require("tornado");
    assertThat(LateSettings.of(System.getProperties())).isEmpty();
    assertThat(
            LateSettings.of(
                Map.of(
                    "tornado.max.events", "32768",
                    "tornado.recover.bailout", "false",
                    "tornado.opencl.compiler.flags", "-w")))
        .containsExactly("tornado.max.events", "tornado.opencl.compiler.flags");
    assertThat(TornadoInternals.option("NO_SUCH_OPTION")).isNull();
  }
}
