package dev.tornadomoe.parallel;

/// What a rank has sent since it began to count, and how long exchanging has taken it.
///
/// @param messages sent to other ranks, empty ones ("nothing for you") too
/// @param bytes sent to other ranks
/// @param dispatchNanos sending rows to experts and receiving others'
/// @param expertNanos from the last row's arrival until results are there
/// @param combineNanos sending results back and receiving ours
public record Traffic(
    long messages, long bytes, long dispatchNanos, long expertNanos, long combineNanos) {

  /// {@return what came after an earlier count}
  ///
  /// @param earlier a count of the same rank
  public Traffic minus(Traffic earlier) {
    return new Traffic(
        messages - earlier.messages,
        bytes - earlier.bytes,
        dispatchNanos - earlier.dispatchNanos,
        expertNanos - earlier.expertNanos,
        combineNanos - earlier.combineNanos);
  }
}
