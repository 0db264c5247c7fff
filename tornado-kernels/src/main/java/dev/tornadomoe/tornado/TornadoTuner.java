package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Tuner;
import dev.tornadomoe.checkpoint.io.WholeFile;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.graph.FusedSteps;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.tuning.GroupShape;
import dev.tornadomoe.tornado.tuning.TunedDevice;
import dev.tornadomoe.tornado.tuning.Tuning;
import dev.tornadomoe.tornado.tuning.TuningCandidates;
import dev.tornadomoe.tornado.tuning.TuningEntry;
import dev.tornadomoe.tornado.tuning.TuningFile;
import dev.tornadomoe.tornado.tuning.TuningKey;
import dev.tornadomoe.tornado.tuning.TuningPlaces;
import dev.tornadomoe.tornado.tuning.search.TuningRun;
import dev.tornadomoe.tornado.tuning.search.TuningSearch;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Measures cuts on one device and keeps the best in its [TuningFile].
final class TornadoTuner implements Tuner {
  /// Layers that surely fit one graph.
  private static final int MOST_LAYERS = 8;

  @Override
  public Report tune(Request request, Progress progress) {
    if (request.layers().size() > MOST_LAYERS) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "at most %d layers can be measured together, found %d",
              MOST_LAYERS,
              request.layers().size()));
    }
    TornadoDevices.Found found = TornadoDevices.choose(TornadoDevices.all(), request.device());
    TunedDevice tuned = found.tuned();
    Path file = place(request.file(), tuned);
    TuningFile before = Files.exists(file) ? TuningFile.read(file, tuned) : TuningFile.empty(tuned);
    ChosenDevice device = found.chosen();
    List<Choice> choices = new ArrayList<>();
    List<TuningEntry> entries = new ArrayList<>();
    for (Work work : works(request, device, progress)) {
      TuningSearch.Found best = work.search().search();
      work.done().run();
      TuningEntry entry =
          TuningEntry.of(
              work.key(), work.tokens(), best.best(), best.time().both(), best.ofGuess().both());
      if (best.variants() > 1) {
        entries.add(entry);
      }
      choices.add(
          new Choice(
              work.tokens(),
              entry.fromTokens(),
              entry.toTokens(),
              best.variants(),
              best.best().equals(work.guess()) ? "default" : work.text(best.best()),
              entry.micros(),
              entry.defaultMicros()));
    }
    if (!entries.isEmpty()) {
      before.with(entries, tuned).write(file);
    }
    return new Report(
        found.label(),
        entries.isEmpty() ? null : file,
        before.isStale() ? before.staleness() : null,
        choices);
  }

  /// Where to write, which must be possible before anything is measured.
  private static Path place(@Nullable Path requested, TunedDevice device) {
    Path file = requested == null ? TuningPlaces.userFile(device) : requested;
    Path directory = file.getParent();
    if (requested == null && directory != null) {
      try {
        Files.createDirectories(directory);
      } catch (IOException e) {
        throw new BackendException(
            String.format(
                Locale.ROOT, "%s: the directory can't be made (%s)", directory, e.getMessage()),
            e);
      }
    }
    WholeFile.requirePlace(file);
    return file;
  }

  /// What is to be done for one token count.
  ///
  /// @param done to be run in the end, for progress
  private record Work(
      int tokens,
      TuningKey key,
      boolean inBlocks,
      Tuning guess,
      TuningSearch search,
      Runnable done) {

    String text(Tuning tuning) {
      if (key.kernels() == KernelShape.WORK_ITEMS) {
        return String.format(Locale.ROOT, "blocks of %d", tuning.tokens());
      }
      return inBlocks
          ? String.format(
              Locale.ROOT,
              "blocks of %d, gate/up %s, down %s",
              tuning.tokens(),
              text(tuning.blockGateUp()),
              text(tuning.blockDown()))
          : String.format(
              Locale.ROOT, "gate/up %s, down %s", text(tuning.gateUp()), text(tuning.down()));
    }

    private static String text(GroupShape split) {
      return String.format(
          Locale.ROOT, "%d threads x %d rows", split.threads(), split.rowsPerItem());
    }
  }

  private static List<Work> works(Request request, ChosenDevice device, Progress progress) {
    DeviceLimits limits = device.limits();
    List<Integer> counts = request.tokens().stream().distinct().toList();
    int most = counts.stream().mapToInt(m -> m).max().orElseThrow();
    DeviceWeights weights =
        DeviceMemory.load(plan(request, limits.shape(), most), limits, progress);
    int[] measured = {0};
    int[] total = {0};
    List<Work> works = new ArrayList<>();
    for (int tokens : counts) {
      MoePlan plan = plan(request, limits.shape(), tokens);
      BucketPlan bucket = plan.bucket(tokens);
      TuningKey key = key(weights, bucket, limits.shape(), tokens);
      Tuning guess = Tuning.guess(limits, key, tokens);
      boolean inBlocks =
          bucket.stepsOf(0).stream()
              .anyMatch(step -> step.operation() instanceof ExpertOperation.GroupedGateUp);
      TuningRun run = new TuningRun(plan, weights, device, tokens, request.seconds());
      TuningSearch search =
          new TuningSearch(
              run::measure,
              run::sizes,
              new TuningCandidates(limits, key, guess),
              inBlocks,
              () -> progress.measured(++measured[0], total[0]));
      total[0] += search.steps();
      int end = total[0];
      works.add(
          new Work(
              tokens,
              key,
              inBlocks,
              guess,
              search,
              () -> {
                measured[0] = end;
                progress.measured(end, total[0]);
              }));
    }
    progress.measured(0, total[0]);
    return works;
  }

  /// All layers together, so that weights of others are read between two readings of the same.
  private static MoePlan plan(Request request, KernelShape shape, int tokens) {
    Planner.Builder planner =
        Planner.builder().maxTokens(tokens).chunkTokens(tokens).wholeStep(true);
    TornadoBackend.modularMoe(request.layers(), shape).ifPresent(planner::modularMoe);
    return planner.build().plan(request.layers());
  }

  private static TuningKey key(
      DeviceWeights weights, BucketPlan bucket, KernelShape shape, int tokens) {
    TuningKey first = null;
    for (int place = 0; place < weights.layers().size(); place++) {
      DeviceLayer layer = weights.layers().get(place);
      int extra = new FusedSteps(layer, shape, tokens, bucket.stepsOf(place)).extra();
      TuningKey key = TuningKey.of(layer, extra, shape);
      if (first != null && !first.equals(key)) {
        throw new BackendException(
            String.format(
                Locale.ROOT,
                "layers that are measured together must be alike, found %s and %s",
                first,
                key));
      }
      first = key;
    }
    if (first == null) {
      throw new IllegalStateException("a plan without layers");
    }
    return first;
  }
}
