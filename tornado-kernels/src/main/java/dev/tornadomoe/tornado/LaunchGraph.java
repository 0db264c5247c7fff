package dev.tornadomoe.tornado;

import java.util.List;
import java.util.Set;

/// As many layers of a launch as one task graph has room for.
///
/// @param name of the graph
/// @param layers whose weights it uses
/// @param calls in order
/// @param arrays of the caller and of the workspace that the calls use
record LaunchGraph(
    String name, List<DeviceLayer> layers, List<KernelCall> calls, Set<Object> arrays) {}
