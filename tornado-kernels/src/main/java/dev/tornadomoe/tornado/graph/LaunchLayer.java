package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.weights.DeviceLayer;
import java.util.List;
import java.util.Set;

/// A layer in a launch.
///
/// @param layer its weights
/// @param calls in order
/// @param rows arrays of the caller and of the workspace that the calls use
/// @param others how many arrays and contexts the calls use beside those and the weights, at most
public record LaunchLayer(
    DeviceLayer layer, List<KernelCall> calls, Set<Object> rows, int others) {}
