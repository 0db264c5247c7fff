package dev.tornadomoe.tornado.tuning;

/// The best cut that was measured.
///
/// @param key for which layers
/// @param fromTokens most tokens of the launches that it is for
/// @param toTokens the last of them
/// @param tuning the cut
/// @param micros of the experts' kernels for a layer, in microseconds
/// @param defaultMicros of the guess
public record TuningEntry(
    TuningKey key,
    int fromTokens,
    int toTokens,
    Tuning tuning,
    double micros,
    double defaultMicros) {

  /// The entry for a measured token count: it holds for counts up to the next power of two. Up to 4
  /// the same kernels run, and a launch is for 1 token or for 4.
  public static TuningEntry of(
      TuningKey key, int tokens, Tuning tuning, double micros, double defaultMicros) {
    int to = tokens == 1 ? 1 : Math.max(4, Integer.highestOneBit(tokens - 1) * 2);
    int from = to == 1 ? 1 : to == 4 ? 2 : to / 2 + 1;
    return new TuningEntry(key, from, to, tuning, micros, defaultMicros);
  }

  boolean isFor(TuningKey wanted, int tokens) {
    return key.equals(wanted) && tokens >= fromTokens && tokens <= toTokens;
  }

  /// Whether it takes another one's place.
  boolean replaces(TuningEntry other) {
    return key.equals(other.key) && fromTokens == other.fromTokens && toTokens == other.toTokens;
  }
}
