package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.weights.DeviceLayer;
import java.util.List;
import java.util.Set;

/// A layer in a launch.
///
/// @param index in the plan
/// @param layer its weights
/// @param calls in order
/// @param rows arrays of the caller and of the workspace that the calls use
public record LaunchLayer(int index, DeviceLayer layer, List<KernelCall> calls, Set<Object> rows) {}
