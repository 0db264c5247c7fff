package dev.tornadomoe.plan;

/// Which part of a layer a step belongs to.
public enum Phase {
  /// Router and choice of experts.
  ROUTE,
  /// From hidden states to the experts' input.
  PREPARE,
  /// Shared experts, and those that return their input.
  SHARED,
  /// The routed experts.
  EXPERTS,
  /// From the experts' output to the caller's.
  FINALIZE
}
