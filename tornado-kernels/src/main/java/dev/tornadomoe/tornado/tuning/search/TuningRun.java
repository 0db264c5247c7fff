package dev.tornadomoe.tornado.tuning.search;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tornado.device.RowTransfer;
import dev.tornadomoe.tornado.graph.DevicePlan;
import dev.tornadomoe.tornado.graph.GraphRoom;
import dev.tornadomoe.tornado.graph.Launch;
import dev.tornadomoe.tornado.graph.LaunchArrays;
import dev.tornadomoe.tornado.graph.LaunchGraph;
import dev.tornadomoe.tornado.graph.SessionArrays;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.tuning.DeviceTuning;
import dev.tornadomoe.tornado.tuning.Tuning;
import dev.tornadomoe.tornado.tuning.Tunings;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Measures one cut after the other for calls of so many tokens through all layers of a plan, as
/// sessions run them: replayed, in turns on the queue that sessions use, for the time of a whole
/// step, and on one where the driver times each kernel. All are given the same inputs, and what the
/// first makes of them is what the others must make.
public final class TuningRun {
  /// Different ones go to different experts, whose weights come from memory then.
  private static final int INPUTS = 4;

  private static final int FEWEST_CALLS = 3;

  /// Sums in another order differ by less, wrong ones by more; of the rows' rms.
  private static final double TOLERANCE = 1e-3;

  private final MoePlan plan;
  private final DeviceWeights weights;
  private final ChosenDevice device;
  private final int tokens;
  private final double seconds;
  private final List<float[]> inputs = new ArrayList<>();
  private final LaunchArrays arrays;
  private float @Nullable [] expected;

  /// @param plan of whole steps
  /// @param seconds for a cut
  public TuningRun(
      MoePlan plan, DeviceWeights weights, ChosenDevice device, int tokens, double seconds) {
    this.plan = plan;
    this.weights = weights;
    this.device = device;
    this.tokens = tokens;
    this.seconds = seconds;
    this.arrays =
        LaunchArrays.of(
            new Launch.Size(plan.bucket(tokens), tokens),
            weights.layers(),
            device.limits().shape(),
            new SessionArrays());
    SplittableRandom random = new SplittableRandom(7);
    for (int i = 0; i < INPUTS; i++) {
      float[] rows = new float[Math.multiplyExact(tokens, plan.layers().getFirst().hidden())];
      for (int j = 0; j < rows.length; j++) {
        rows[j] = (float) random.nextGaussian();
      }
      inputs.add(rows);
    }
  }

  /// Medians for a layer, in microseconds.
  ///
  /// @param gateUp all kernels of gate and up together
  /// @param down all of down
  /// @param step wall time of a whole replayed step, with launches and transfers
  public record Times(double gateUp, double down, double step) {
    static final Times NEVER =
        new Times(Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);

    /// The kernels' alone.
    public double both() {
      return gateUp + down;
    }
  }

  /// What a cut's tasks are launched with. Cuts for which it is the same are the same kernels: some
  /// kernels know only one cut.
  public List<Launch.TaskSize> sizes(Tuning tuning) {
    return launch(tuning).taskSizes();
  }

  private Launch launch(Tuning tuning) {
    List<Integer> indices = IntStream.range(0, plan.layers().size()).boxed().toList();
    DeviceTuning cut = device.tuning().with(Tunings.always(tuning));
    return Launch.of(plan, weights, indices, arrays, cut);
  }

  /// Measures one cut.
  ///
  /// @throws BackendException when the cut does not compile, fails, or computes something else than
  ///   the first that was measured
  public Times measure(Tuning tuning) {
    Launch launch = launch(tuning);
    List<LaunchGraph> graphs = DevicePlan.graphs(List.of(launch), GraphRoom.WHOLE);
    try (DevicePlan ready = DevicePlan.prepare(plan, graphs, device, () -> {})) {
      give(launch, 0);
      ready.execute(launch, tokens);
      compare(launch, tuning);
      List<Double> gateUps = new ArrayList<>();
      List<Double> downs = new ArrayList<>();
      List<Double> steps = new ArrayList<>();
      long end = System.nanoTime() + (long) (seconds * 1e9);
      for (int call = 0; call < FEWEST_CALLS || System.nanoTime() < end; call++) {
        give(launch, call + 1);
        List<Profile.Task> tasks =
            ready.profile(launch, tokens).orElseThrow(() -> withoutTimes(ready)).tasks();
        gateUps.add(micros(tasks, "gateup"));
        downs.add(micros(tasks, "down"));
        long begin = System.nanoTime();
        ready.execute(launch, tokens);
        steps.add((System.nanoTime() - begin) / 1e3 / plan.layers().size());
      }
      return new Times(median(gateUps), median(downs), median(steps));
    }
  }

  private static BackendException withoutTimes(DevicePlan ready) {
    return new BackendException(
        "there are no kernel times without replay: " + ready.refusalOfReplay().orElse("unknown"));
  }

  private void give(Launch launch, int input) {
    int hidden = plan.layers().getFirst().hidden();
    if (launch.arrays().caller(CallerRegion.HIDDEN) instanceof FloatArray array) {
      MemorySegment rows = MemorySegment.ofArray(inputs.get(input % INPUTS));
      new RowTransfer(DType.F32, hidden, hidden).in(rows, 0, tokens, array);
    }
    if (launch.arrays().caller(CallerRegion.ROUTER_STATES) instanceof FloatArray states) {
      states.init(0); // the step before has left its own
    }
  }

  private void compare(Launch launch, Tuning tuning) {
    float[] found = new float[inputs.getFirst().length];
    if (launch.arrays().caller(CallerRegion.OUTPUT) instanceof FloatArray array) {
      int hidden = plan.layers().getFirst().hidden();
      new RowTransfer(DType.F32, hidden, hidden)
          .out(array, MemorySegment.ofArray(found), 0, tokens);
    }
    if (expected == null) {
      expected = found;
      return;
    }
    double most = 0;
    double squares = 0;
    for (int i = 0; i < found.length; i++) {
      most = Math.max(most, Math.abs(found[i] - expected[i])); // keeps a NaN
      squares += (double) expected[i] * expected[i];
    }
    if (!(most <= TOLERANCE * Math.sqrt(squares / found.length))) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "device %s computes something else with %s",
              device.limits().name(),
              tuning));
    }
  }

  /// For a layer, all tasks of a kind together, whatever variant of it they are.
  private double micros(List<Profile.Task> tasks, String kind) {
    return tasks.stream()
            .filter(task -> task.operation().toLowerCase(Locale.ROOT).endsWith(kind))
            .mapToDouble(Profile.Task::micros)
            .sum()
        / plan.layers().size();
  }

  private static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(v -> v).toArray();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
