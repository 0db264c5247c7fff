package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.backend.Progress;
import java.io.PrintWriter;
import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// How far loading is, on stderr: bars on a terminal, elsewhere a line at the end.
final class LoadingBar implements Progress, AutoCloseable {
  /// Set by the script, which knows whether stderr is a terminal.
  private static final boolean TERMINAL = Boolean.getBoolean("decoder.terminal");

  private final PrintWriter err;
  private final long start = System.nanoTime();
  private @Nullable ProgressBar bar;
  private String shown = "";

  LoadingBar(PrintWriter err) {
    this.err = err;
  }

  @Override
  public void update(long done, long total) {
    show("loading experts", " MiB", 1 << 20, done, total);
  }

  @Override
  public void compiled(int done, int total) {
    show("compiling graphs", "", 1, done, total);
  }

  private void show(String task, String unit, int unitSize, long done, long total) {
    if (!TERMINAL) {
      return;
    }
    if (bar == null || !shown.equals(task)) {
      end();
      shown = task;
      bar =
          new ProgressBarBuilder()
              .setTaskName(task)
              .setInitialMax(total)
              .setUnit(unit, unitSize)
              .setStyle(ProgressBarStyle.ASCII)
              .build();
    }
    bar.stepTo(done);
  }

  private void end() {
    if (bar != null) {
      bar.close();
    }
  }

  @Override
  public void close() {
    end();
    if (!TERMINAL) {
      err.println(
          String.format(Locale.ROOT, "loaded in %.1f s", (System.nanoTime() - start) / 1e9));
    }
  }
}
