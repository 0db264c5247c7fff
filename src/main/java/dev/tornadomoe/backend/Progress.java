package dev.tornadomoe.backend;

/// Hears how far loading is. Called from one thread at a time.
@FunctionalInterface
public interface Progress {
  /// Hears nothing.
  Progress NONE = (done, total) -> {};

  /// Some more is done.
  ///
  /// @param done bytes of weights that are ready, 0 when loading begins
  /// @param total bytes of weights in all
  void update(long done, long total);

  /// Some more kernels are compiled, on backends that compile them when a session is prepared.
  ///
  /// @param done task graphs that are ready, 0 when compiling begins
  /// @param total task graphs in all
  default void compiled(int done, int total) {}

  /// Some more variants of kernels are measured, where a [Tuner] is at work.
  ///
  /// @param done variants that are measured, 0 when measuring begins
  /// @param total variants in all
  default void measured(int done, int total) {}
}
