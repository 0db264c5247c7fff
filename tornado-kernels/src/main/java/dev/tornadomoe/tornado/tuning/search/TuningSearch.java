package dev.tornadomoe.tornado.tuning.search;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tornado.tuning.Tuning;
import dev.tornadomoe.tornado.tuning.TuningCandidates;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/// Looks for the fastest cut for one token count. Gate/up and down are kernels of their own, so one
/// run measures a cut for each, and the best of each go together; only the size of blocks is the
/// same for both. Cuts that are the same kernels are measured once. What is chosen in the end has
/// not only the faster kernels: a whole step, as sessions run it, must be faster, too.
public final class TuningSearch {
  private static final System.Logger LOG = System.getLogger("dev.tornadomoe.tornado");

  /// The two that are left in the end, once more.
  private static final int LAST_RUNS = 2;

  /// Of the guess's time: what is not clearly faster may be luck.
  private static final double CLEARLY = 0.97;

  private final Function<Tuning, TuningRun.Times> run;
  private final Function<Tuning, ?> kernels;
  private final TuningCandidates candidates;
  private final boolean inBlocks;
  private final Runnable measured;
  private final Map<Tuning, TuningRun.Times> times = new LinkedHashMap<>();
  private final Set<Object> seen = new HashSet<>();

  /// @param run measures a cut, or throws a BackendException
  /// @param kernels what the kernels of a cut are known by, equal where they are the same
  /// @param inBlocks whether pairs are sorted into blocks, or tokens taken one at a time
  /// @param measured hears of each cut, [#steps] times at most
  public TuningSearch(
      Function<Tuning, TuningRun.Times> run,
      Function<Tuning, ?> kernels,
      TuningCandidates candidates,
      boolean inBlocks,
      Runnable measured) {
    this.run = run;
    this.kernels = kernels;
    this.candidates = candidates;
    this.inBlocks = inBlocks;
    this.measured = measured;
  }

  /// What was found.
  ///
  /// @param variants how many were measured
  public record Found(Tuning best, TuningRun.Times time, TuningRun.Times ofGuess, int variants) {}

  /// How many runs it takes at most.
  public int steps() {
    int steps = 1;
    if (inBlocks) {
      for (int size : candidates.blockSizes()) {
        steps += candidates.blocks(size).size();
      }
      steps += candidates.widths(candidates.guess()).size();
    } else {
      steps = candidates.groups().size();
    }
    return steps == 1 ? 1 : steps + LAST_RUNS;
  }

  /// Searches, and says what it found.
  ///
  /// @throws BackendException where the guess itself fails, or there are no times
  public Found search() {
    Tuning guess = candidates.guess();
    TuningRun.Times first = run.apply(guess);
    measured.run();
    if (!(first.both() > 0)) {
      throw new BackendException("the device's driver gives no kernel times");
    }
    times.put(guess, first);
    seen.add(kernels.apply(guess));
    Tuning best = inBlocks ? bestBlocks() : bestGroups();
    if (best.equals(guess)) {
      return new Found(guess, first, first, times.size());
    }
    int variants = times.size();
    // Each was the fastest of many once: that is luck too.
    TuningRun.Times ofBest = timed(best);
    TuningRun.Times ofGuess = timed(guess);
    return ofBest.both() < CLEARLY * ofGuess.both() && ofBest.step() < ofGuess.step()
        ? new Found(best, ofBest, ofGuess, variants)
        : new Found(guess, ofGuess, ofGuess, variants);
  }

  private Tuning bestGroups() {
    List<Tuning> all = candidates.groups();
    all.forEach(this::measure);
    return candidates
        .guess()
        .withGroups(
            best(all, TuningRun.Times::gateUp).gateUp(), best(all, TuningRun.Times::down).down());
  }

  private Tuning bestBlocks() {
    Map<Tuning, Double> bests = new LinkedHashMap<>();
    for (int size : candidates.blockSizes()) {
      candidates.blocks(size).forEach(this::measure);
      List<Tuning> all = ofSize(size);
      if (!all.isEmpty()) {
        Tuning gateUp = best(all, TuningRun.Times::gateUp);
        Tuning down = best(all, TuningRun.Times::down);
        bests.put(
            gateUp.withBlocks(size, gateUp.blockGateUp(), down.blockDown()),
            time(gateUp).gateUp() + time(down).down());
      }
    }
    Tuning best =
        bests.entrySet().stream().min(Map.Entry.comparingByValue()).orElseThrow().getKey();
    candidates.widths(best).forEach(this::measure);
    List<Tuning> all = ofSize(best.tokens());
    return best.withBlocks(
        best.tokens(),
        best(all, TuningRun.Times::gateUp).blockGateUp(),
        best(all, TuningRun.Times::down).blockDown());
  }

  private List<Tuning> ofSize(int tokens) {
    return times.keySet().stream().filter(tuning -> tuning.tokens() == tokens).toList();
  }

  private Tuning best(List<Tuning> all, ToDoubleFunction<TuningRun.Times> time) {
    return all.stream()
        .min(Comparator.comparingDouble(tuning -> time.applyAsDouble(time(tuning))))
        .orElseThrow();
  }

  private TuningRun.Times time(Tuning tuning) {
    return times.getOrDefault(tuning, TuningRun.Times.NEVER);
  }

  private void measure(Tuning tuning) {
    if (seen.add(kernels.apply(tuning))) {
      times.put(tuning, timed(tuning));
    }
  }

  private TuningRun.Times timed(Tuning tuning) {
    try {
      return run.apply(tuning);
    } catch (BackendException e) {
      LOG.log(System.Logger.Level.WARNING, "a variant can''t be used: {0}", e.getMessage());
      return TuningRun.Times.NEVER;
    } finally {
      measured.run();
    }
  }
}
