package dev.tornadomoe.tornado.replay;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/// Settings that TornadoVM has read with other values, since its classes were loaded before ours
/// set them: an engine's own TornadoVM code that ran first, say.
public final class LateSettings {
  private static final System.Logger LOG = System.getLogger("dev.tornadomoe.tornado");
  private static final AtomicBoolean SAID = new AtomicBoolean();

  /// Where TornadoVM keeps what it has read.
  private static final Map<String, String> CONSTANTS =
      new TreeMap<>(
          Map.of(
              "tornado.opencl.compiler.flags", "DEFAULT_OPENCL_COMPILER_FLAGS",
              "tornado.recover.bailout", "RECOVER_BAILOUT",
              "tornado.max.events", "MAX_EVENTS",
              "tornado.opencl.profiling.enable", "ENABLE_OPENCL_PROFILING",
              "tornado.experimental.reduce", "EXPERIMENTAL_REDUCE",
              "tornado.check.parameters", "FORCE_CHECK_PARAMETERS"));

  private LateSettings() {}

  /// Says once which came too late, if any did. Loads TornadoVM's classes.
  public static void sayOnce() {
    List<String> late = of(System.getProperties());
    if (!late.isEmpty() && SAID.compareAndSet(false, true)) {
      LOG.log(
          System.Logger.Level.WARNING,
          "TornadoVM was loaded before these of its settings were made: {0}; set them with -D, or"
              + " call TornadoSetup.applySettings() before anything of TornadoVM''s",
          String.join(", ", late));
    }
  }

  /// Those whose value TornadoVM does not have.
  ///
  /// @param properties what they should be
  static List<String> of(Map<?, ?> properties) {
    List<String> late = new ArrayList<>();
    CONSTANTS.forEach((property, constant) -> {
      Object wanted = properties.get(property);
      @Nullable Object read = TornadoInternals.option(constant);
      if (wanted != null && read != null && !read.toString().equalsIgnoreCase(wanted.toString())) {
        late.add(property);
      }
    });
    return late;
  }
}
