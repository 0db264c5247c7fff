package dev.tornadomoe.backend;

/// Where a session's threads ran last.
///
/// @param threads how many there are
/// @param cores on how many different cores; two threads of one core, or on it by turns, read
///   memory at the speed of one
public record CoreUse(int threads, int cores) {

  /// {@return whether threads shared a core}
  public boolean shared() {
    return cores < threads;
  }
}
