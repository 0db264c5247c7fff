package dev.tornadomoe.backend;

/// Reads a session's own weights and does nothing with them: how fast this memory can be read in
/// this process, which is what a decode step is measured against.
@FunctionalInterface
public interface WeightReader {

  /// Reads all weights of some experts, on all threads.
  ///
  /// @param layer the layer's place in the plan
  /// @param experts local indices
  /// @return how many bytes were read
  long read(int layer, int[] experts);
}
