package dev.tornadomoe.modular;

import java.util.LinkedHashMap;
import java.util.Map;

/// Some of a layer's experts, where they are on several sides: on the host and on a device.
///
/// @param name of the side, `host` or `device`
/// @param experts how many are there
/// @param weightBytes of their weights, as the model's files have them
/// @param share of all pairs that is expected to be theirs, from 0 to 1
public record ExpertSide(String name, int experts, long weightBytes, double share) {

  /// {@return the same as `explain` and `inspect` write it}
  public Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("on", name);
    json.put("experts", experts);
    json.put("weight_bytes", weightBytes);
    json.put("expected_share", share);
    return json;
  }
}
