package dev.tornadomoe.cli.bench;

import dev.tornadomoe.backend.host.JitCompiler;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.BooleanSupplier;

/// Decides when warming up ends: the JVM's compiler has nothing more to do with the kernels, and
/// rounds get no faster. On a busy machine that can take far longer than measuring does, so there
/// is a limit, after which it is said that times were never steady.
final class Steadiness {
  /// The limit, in times of measuring.
  static final int LIMIT = 15;

  /// A window is no faster than the one before if it takes at least this part of its time.
  static final double FASTER = 0.9;

  private final BooleanSupplier compiling;
  private final long window;
  private final long limit;
  private final long start;
  private final List<Double> rounds = new ArrayList<>();
  private double before = Double.NaN;
  private long windowStart;
  private boolean ended;
  private boolean steady;

  /// @param seconds how long to warm up at least
  Steadiness(double seconds) {
    this(seconds, System.nanoTime(), JitCompiler::isBusy);
  }

  /// @param start when warming up began, in nanoseconds
  /// @param compiling whether the compiler is busy with the kernels
  Steadiness(double seconds, long start, BooleanSupplier compiling) {
    this.window = (long) (seconds * 1e9 / 2);
    this.limit = (long) (seconds * 1e9 * LIMIT);
    this.start = start;
    this.windowStart = start;
    this.compiling = compiling;
  }

  /// What must be known of figures that were never steady.
  static String warning(int tokens) {
    return String.format(
        Locale.ROOT,
        "M = %d was never steady: after %d times --seconds of warming up kernels were still being"
            + " compiled, or steps still got faster; measure longer, on a machine that does less",
        tokens,
        LIMIT);
  }

  /// Takes one round.
  ///
  /// @param micros how long it took
  /// @param now when it ended, in nanoseconds
  void add(double micros, long now) {
    rounds.add(micros);
    if (ended || now - windowStart < window) {
      return;
    }
    double median = BenchRunner.median(rounds);
    // One round that is longer than the limit compiles in its beginning.
    boolean noFaster = median >= FASTER * before || (Double.isNaN(before) && now - start >= limit);
    steady = noFaster && !compiling.getAsBoolean();
    ended = steady || now - start >= limit;
    before = median;
    rounds.clear();
    windowStart = now;
  }

  /// Whether warming up has ended.
  boolean ended() {
    return ended;
  }

  /// Whether it ended because there was nothing to wait for.
  boolean steady() {
    return steady;
  }
}
