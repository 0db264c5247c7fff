package dev.tornadomoe.cli.console;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tensor.text.ByteSize;
import java.io.PrintWriter;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Shows how far preparing a session is, on stderr: weights are loaded, and on some backends
/// kernels are compiled then. A tuner loads too, and measures then.
public final class LoadingBar implements Progress, AutoCloseable {
  /// Less is loaded before anybody has looked.
  private static final long BYTES_WORTH_SHOWING = 256L << 20;

  /// One takes a tenth of a second or more.
  private static final int GRAPHS_WORTH_SHOWING = 20;

  private final String task;
  private final PrintWriter err;
  private @Nullable ProgressStage loading;
  private @Nullable ProgressStage compiling;
  private @Nullable ProgressStage measuring;
  private boolean complete;

  private LoadingBar(String task, PrintWriter err) {
    this.task = task;
    this.err = err;
  }

  /// Prepares a session, and shows how that goes.
  public static Session prepare(Backend backend, MoePlan plan, String task, PrintWriter err) {
    return show(bar -> backend.prepare(plan, bar), task, err);
  }

  /// Does something that loads weights first, and shows how that goes.
  public static <T> T show(Function<Progress, T> work, String task, PrintWriter err) {
    try (LoadingBar bar = new LoadingBar(task, err)) {
      T result = work.apply(bar);
      bar.complete = true;
      return result;
    }
  }

  @Override
  public void update(long done, long all) {
    if (loading == null) {
      String amount = all >= BYTES_WORTH_SHOWING ? ByteSize.format(all) : null;
      loading = ProgressStage.ofBytes(task, all, amount, err);
    }
    loading.stepTo(done);
  }

  @Override
  public void compiled(int done, int all) {
    if (compiling == null) {
      endLoading();
      String amount = all >= GRAPHS_WORTH_SHOWING ? all + " graphs" : null;
      compiling = ProgressStage.ofSteps("compiling kernels", all, amount, err);
    }
    compiling.stepTo(done);
  }

  @Override
  public void measured(int done, int all) {
    if (measuring == null) {
      endLoading();
      measuring = ProgressStage.ofSteps("measuring", all, all + " variants", err);
    }
    measuring.stepTo(done);
  }

  private void endLoading() {
    if (loading != null) {
      loading.end(true);
    }
  }

  @Override
  public void close() {
    ProgressStage last = measuring != null ? measuring : compiling != null ? compiling : loading;
    if (last != null) {
      last.end(complete);
    }
  }
}
