package dev.tornadomoe.tornado.replay;

import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Whether sessions replay: `-Dtornadomoe.tornado.replay=auto|off|required`.
public enum ReplayMode {
  /// Where it is possible; otherwise TornadoVM launches task by task, and one sentence is logged.
  AUTO,
  /// Never.
  OFF,
  /// Always: a refusal is an error.
  REQUIRED;

  /// The property's name.
  public static final String PROPERTY = "tornadomoe.tornado.replay";

  /// {@return what the user has set, or [#AUTO]}
  ///
  /// @throws ReplayException when that is none of them
  public static ReplayMode chosen() {
    @Nullable String requested = System.getProperty(PROPERTY);
    if (requested == null) {
      return AUTO;
    }
    return Arrays.stream(values())
        .filter(mode -> mode.text().equals(requested))
        .findFirst()
        .orElseThrow(() ->
            new ReplayException(
                String.format(
                    Locale.ROOT, "-D%s=%s: expected auto, off or required", PROPERTY, requested)));
  }

  /// As the property has it.
  String text() {
    return name().toLowerCase(Locale.ROOT);
  }
}
