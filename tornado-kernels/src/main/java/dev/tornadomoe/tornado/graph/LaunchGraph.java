package dev.tornadomoe.tornado.graph;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/// As many layers of a launch as one task graph has room for.
///
/// @param name of the graph
/// @param layers in order
public record LaunchGraph(String name, List<LaunchLayer> layers) {

  /// The calls of all layers, in order.
  List<KernelCall> calls() {
    return layers.stream().flatMap(layer -> layer.calls().stream()).toList();
  }

  /// Arrays of all layers' weights that stay on the device.
  Object[] weights() {
    return layers.stream().flatMap(layer -> layer.layer().arrays().stream()).toArray();
  }

  /// Arrays of the caller and of the workspace that the calls use.
  Set<Object> rows() {
    Set<Object> rows = Collections.newSetFromMap(new IdentityHashMap<>());
    layers.forEach(layer -> rows.addAll(layer.rows()));
    return rows;
  }
}
