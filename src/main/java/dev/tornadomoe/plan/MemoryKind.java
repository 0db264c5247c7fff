package dev.tornadomoe.plan;

/// Where a buffer lives.
public enum MemoryKind {
  /// The JVM's heap, or native memory of the host.
  HOST,
  /// Memory of an accelerator.
  DEVICE
}
