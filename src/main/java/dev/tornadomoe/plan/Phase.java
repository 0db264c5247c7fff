package dev.tornadomoe.plan;

/// Which part of a layer a step belongs to.
public enum Phase {
  ROUTE,
  PREPARE,
  SHARED,
  EXPERTS,
  FINALIZE
}
