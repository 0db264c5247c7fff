package dev.tornadomoe.cli;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tensor.ByteSize;
import java.io.PrintWriter;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// Shows how far loading is, on stderr: a bar on a terminal, one line elsewhere if it is much.
final class LoadingBar implements Progress, AutoCloseable {
  /// Set by the launcher script, which knows whether stderr is a terminal.
  private static final String TERMINAL_PROPERTY = "tornadomoe.terminal";

  /// Less is loaded before anybody has looked.
  private static final long WORTH_A_LINE = 256L << 20;

  private final String task;
  private final PrintWriter err;
  private final long start = System.nanoTime();
  private @Nullable ProgressBar bar;
  private long total;
  private boolean complete;

  private LoadingBar(String task, PrintWriter err) {
    this.task = task;
    this.err = err;
  }

  /// Prepares a session, and shows how that goes.
  static Session prepare(Backend backend, MoePlan plan, String task, PrintWriter err) {
    try (LoadingBar bar = new LoadingBar(task, err)) {
      Session session = backend.prepare(plan, bar);
      bar.complete = true;
      return session;
    }
  }

  @Override
  public void update(long done, long all) {
    if (total == 0) {
      total = all;
      begin();
    }
    if (bar != null) {
      bar.stepTo(done);
    }
  }

  private void begin() {
    if (Boolean.getBoolean(TERMINAL_PROPERTY)) {
      bar =
          new ProgressBarBuilder()
              .setTaskName(task)
              .setInitialMax(total)
              .setUnit(" MiB", 1 << 20)
              .setStyle(ProgressBarStyle.ASCII)
              .setUpdateIntervalMillis(200)
              .showSpeed()
              .build();
    } else if (total >= WORTH_A_LINE) {
      err.println("%s: %s".formatted(task, ByteSize.format(total)));
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    } else if (complete && total >= WORTH_A_LINE) {
      err.println("%s: done in %.1f s".formatted(task, (System.nanoTime() - start) / 1e9));
    }
  }
}
