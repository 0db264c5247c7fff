package dev.tornadomoe.tornado.replay;

/// How long a kernel ran, without its launch.
///
/// @param task its name with the graph's before it, `graph.task`
/// @param nanos as the driver measured it
public record LaunchTime(String task, long nanos) {}
