package dev.tornadomoe.parallel;

/// Counts what a rank sends.
final class TrafficCounter {
  private long messages;
  private long bytes;
  private long dispatchNanos;
  private long expertNanos;
  private long combineNanos;

  void sent(long length) {
    messages++;
    bytes += length;
  }

  void dispatched(long nanos) {
    dispatchNanos += nanos;
  }

  void waitedForExperts(long nanos) {
    expertNanos += nanos;
  }

  void combined(long nanos) {
    combineNanos += nanos;
  }

  Traffic count() {
    return new Traffic(messages, bytes, dispatchNanos, expertNanos, combineNanos);
  }
}
