package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.backend.Progress;
import java.io.PrintWriter;
import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// How far loading is, on stderr: a bar on a terminal, elsewhere a line at its end.
final class LoadingBar implements Progress, AutoCloseable {
  /// Set by the script, which knows whether stderr is a terminal.
  private static final boolean TERMINAL = Boolean.getBoolean("decoder.terminal");

  private final PrintWriter err;
  private final long start = System.nanoTime();
  private @Nullable ProgressBar bar;
  private long loaded;

  LoadingBar(PrintWriter err) {
    this.err = err;
  }

  @Override
  public void update(long done, long total) {
    loaded = done;
    if (TERMINAL && bar == null) {
      bar =
          new ProgressBarBuilder()
              .setTaskName("loading experts")
              .setInitialMax(total)
              .setUnit(" MiB", 1 << 20)
              .setStyle(ProgressBarStyle.ASCII)
              .build();
    }
    if (bar != null) {
      bar.stepTo(done);
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    } else {
      err.println(
          String.format(
              Locale.ROOT,
              "loaded %.0f MiB of experts in %.1f s",
              loaded / (double) (1 << 20),
              (System.nanoTime() - start) / 1e9));
    }
  }
}
