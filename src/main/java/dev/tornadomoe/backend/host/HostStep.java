package dev.tornadomoe.backend.host;

/// One compiled step.
@FunctionalInterface
public interface HostStep {

  /// Carries it out on the memory that its [BufferRef]s are bound to.
  ///
  /// @param tokens M of this call, or of this chunk of it
  void run(int tokens);

  /// How long a device took for what the step has just waited for, in nanoseconds; 0 where it waits
  /// for none.
  default long nanosBeside() {
    return 0;
  }
}
