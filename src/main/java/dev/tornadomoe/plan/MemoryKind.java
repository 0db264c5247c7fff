package dev.tornadomoe.plan;

/// Where a buffer lives.
public enum MemoryKind {
  HOST,
  DEVICE
}
