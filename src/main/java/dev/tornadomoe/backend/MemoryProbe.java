package dev.tornadomoe.backend;

import java.util.List;

/// Moves memory and computes nothing: how fast this memory is in this process, which is what a
/// decode step is measured against. A host reads the session's own weights; a device copies arrays
/// that are larger than its caches, where what is read and what is written both count.
@FunctionalInterface
public interface MemoryProbe {

  /// As much as a step through some layers, or more.
  ///
  /// @param experts local indices for each layer from the plan's first on
  /// @return how many bytes were moved
  long move(List<int[]> experts);
}
