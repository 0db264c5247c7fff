package dev.tornadomoe.cli.bench;

import dev.tornadomoe.cli.console.ProgressStage;
import java.io.PrintWriter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// How far one measurement is: making up its inputs, warming up, measuring.
final class BenchProgress implements AutoCloseable {
  /// Making up so many bytes of rows takes a tenth of a second or more.
  private static final long BYTES_WORTH_SHOWING = 16L << 20;

  private static final double SECONDS_WORTH_SHOWING = 0.5;

  private final PrintWriter err;
  private final @Nullable String amount;
  private @Nullable ProgressStage stage;
  private boolean counting;
  private int rounds;

  /// @param rowBytes of one input
  /// @param seconds of measuring
  BenchProgress(int tokens, long rowBytes, double seconds, PrintWriter err) {
    this.err = err;
    this.amount =
        rowBytes >= BYTES_WORTH_SHOWING || seconds >= SECONDS_WORTH_SHOWING
            ? String.format(Locale.ROOT, "M = %d", tokens)
            : null;
  }

  /// Rows have been made up and routed.
  void made(int done, int all) {
    if (stage == null) {
      stage = ProgressStage.ofSteps("making up inputs", all, amount, err);
    }
    stage.stepTo(done);
    if (done == all) {
      begin("warming up");
    }
  }

  /// A round has ended.
  ///
  /// @param measured whether it counts
  void ran(boolean measured) {
    if (measured && !counting) {
      counting = true;
      begin("measuring");
    }
    if (stage != null) {
      stage.stepTo(++rounds);
    }
  }

  private void begin(String task) {
    done();
    rounds = 0;
    stage = ProgressStage.ofSteps(task, ProgressStage.UNKNOWN, amount, err);
  }

  /// The stage has come to its end.
  void done() {
    if (stage != null) {
      stage.end(true);
      stage = null;
    }
  }

  @Override
  public void close() {
    if (stage != null) {
      stage.end(false);
    }
  }
}
