package dev.tornadomoe.cli.console;

import java.util.Map;
import tools.jackson.jr.ob.JSON;

/// Objects as readable JSON.
public final class JsonOutput {
  private JsonOutput() {}

  public static String of(Map<String, Object> object) {
    return JSON.std
        .with(JSON.Feature.PRETTY_PRINT_OUTPUT)
        .with(JSON.Feature.WRITE_NULL_PROPERTIES)
        .asString(object);
  }
}
