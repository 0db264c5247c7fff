package dev.tornadomoe.cli.console;

import java.io.PrintWriter;
import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// One part of a longer task, on stderr: a bar on a terminal; elsewhere a line when it begins and
/// one when it ends. Nothing where it is over before anybody has looked.
public final class ProgressStage {
  /// Set by the launcher script, which knows whether stderr is a terminal.
  private static final String TERMINAL_PROPERTY = "tornadomoe.terminal";

  /// A total that nobody knows.
  public static final int UNKNOWN = -1;

  private final String task;
  private final PrintWriter err;
  private final long start = System.nanoTime();
  private final @Nullable ProgressBar bar;
  private final boolean lines;

  private ProgressStage(
      String task, @Nullable String amount, PrintWriter err, ProgressBarBuilder bar) {
    this.task = task;
    this.err = err;
    boolean terminal = Boolean.getBoolean(TERMINAL_PROPERTY);
    this.bar = terminal && amount != null ? bar.build() : null;
    this.lines = !terminal && amount != null;
    if (lines) {
      err.println(String.format(Locale.ROOT, "%s: %s", task, amount));
    }
  }

  /// @param total in bytes
  /// @param amount how much it is, or null where it is not worth showing
  static ProgressStage ofBytes(String task, long total, @Nullable String amount, PrintWriter err) {
    return new ProgressStage(
        task, amount, err, builder(task, total).setUnit(" MiB", 1 << 20).showSpeed());
  }

  /// A stage of so many steps.
  ///
  /// @param total in things that are done one by one, or [#UNKNOWN]
  /// @param amount how much it is, or null where it is not worth showing
  public static ProgressStage ofSteps(
      String task, int total, @Nullable String amount, PrintWriter err) {
    return new ProgressStage(task, amount, err, builder(task, total));
  }

  private static ProgressBarBuilder builder(String task, long total) {
    return new ProgressBarBuilder()
        .setTaskName(task)
        .setInitialMax(total)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(200);
  }

  public void stepTo(long done) {
    if (bar != null) {
      bar.stepTo(done);
    }
  }

  /// Ends the stage.
  ///
  /// @param complete whether it ended because all is done
  public void end(boolean complete) {
    if (bar != null) {
      bar.close();
    } else if (lines && complete) {
      err.println(
          String.format(
              Locale.ROOT, "%s: done in %.1f s", task, (System.nanoTime() - start) / 1e9));
    }
  }
}
