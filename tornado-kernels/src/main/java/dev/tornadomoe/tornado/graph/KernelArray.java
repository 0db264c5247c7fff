package dev.tornadomoe.tornado.graph;

/// Arrays that kernels take beside the operands of the plan. Where a kernel has no use for one, it
/// gets one of a single element. Each is another array: TornadoVM must not get the same one twice
/// in a task that writes it.
enum KernelArray {
  /// Of the shared expert's gate, `[M]`.
  SHARED_LOGITS,
  /// The router's, `[M, E]`, where only the shared expert's are wanted; and of a projection without
  /// any.
  NO_LOGITS,
  NO_FACTORS,
  NO_ADDEND,
  NO_SECOND_ADDEND,
  NO_IDS,
  /// What fills scratch that nobody has written.
  POISON;

  /// What is behind it.
  SessionArrays.Slot slot() {
    return new SessionArrays.Slot(this, this == NO_IDS);
  }
}
