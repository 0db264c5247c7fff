package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Every cut that a tuner can choose computes what the reference computes. Each is run once:
/// formats take turns, so that every kind of tile meets all of them, in one of its widths each.
class TuningCandidatesTest {
  /// 63 pairs: 21 of expert 0, 16 of expert 1, none of expert 4.
  private static final int TOKENS = 21;

  private final Map<OddLayer.Format, Subject> subjects = new EnumMap<>(OddLayer.Format.class);

  @AfterEach
  void reset() {
    System.clearProperty(TornadoDevices.KERNELS_PROPERTY);
  }

  @ParameterizedTest
  @ValueSource(strings = {"work-items", "work-groups"})
  void blocksComputeWhatTheReferenceComputes(String kernels) {
    System.setProperty(TornadoDevices.KERNELS_PROPERTY, kernels);
    List<Tuning> all = candidates(TOKENS).blocks();
    assertThat(all).hasSizeGreaterThanOrEqualTo(4).doesNotHaveDuplicates();
    for (int i = 0; i < all.size(); i++) {
      Tuning tuning = all.get(i);
      int width = Integer.numberOfTrailingZeros(tuning.tileDown().threads());
      check(tuning, TOKENS, tuning.tileDown().rowsPerItem() + tuning.tokens() + width);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"work-items", "work-groups"})
  void groupsComputeWhatTheReferenceComputes(String kernels) {
    System.setProperty(TornadoDevices.KERNELS_PROPERTY, kernels);
    List<Tuning> all = candidates(3).groups();
    assertThat(all).isNotEmpty().doesNotHaveDuplicates();
    for (Tuning tuning : all) {
      check(
          tuning,
          3,
          Integer.numberOfTrailingZeros(tuning.gateUp().threads())
              + Integer.numberOfTrailingZeros(tuning.gateUp().rowsPerItem()));
    }
  }

  private static TuningCandidates candidates(int tokens) {
    DeviceLimits limits = TornadoBackend.device().limits();
    TuningKey key =
        new TuningKey(
            limits.shape(),
            OddLayer.HIDDEN,
            OddLayer.INTERMEDIATE,
            OddLayer.EXPERTS,
            OddLayer.TOP_K,
            "any");
    return new TuningCandidates(limits, Tuning.guess(limits, key, tokens));
  }

  /// A layer's weights, and what the reference makes of a call.
  private record Subject(MoePlan plan, DeviceWeights weights, Map<Integer, float[]> expected) {}

  private void check(Tuning tuning, int tokens, int turn) {
    OddLayer.Format format = OddLayer.Format.values()[turn % 3];
    ChosenDevice device = TornadoBackend.device();
    Subject subject =
        subjects.computeIfAbsent(
            format,
            f -> {
              MoePlan plan =
                  Planner.builder().maxTokens(TOKENS).callerRoutes().build().plan(OddLayer.of(f));
              return new Subject(
                  plan,
                  DeviceWeights.load(plan, device.limits(), Progress.NONE),
                  Map.of(3, expected(plan, 3), TOKENS, expected(plan, TOKENS)));
            });
    assertThat(error(subject.expected().get(tokens), run(subject, device, tuning, tokens)))
        .as("%s, %s", tuning, format)
        .isLessThan(2e-5);
  }

  private static float[] expected(MoePlan plan, int tokens) {
    float[] output = new float[tokens * OddLayer.HIDDEN];
    try (Session reference = Backends.require("reference").prepare(plan)) {
      reference.run(
          new MoeCall()
              .hidden(MemorySegment.ofArray(hidden(tokens)), tokens)
              .routing(MemorySegment.ofArray(ids(tokens)), MemorySegment.ofArray(weights(tokens)))
              .output(MemorySegment.ofArray(output)));
    }
    return output;
  }

  private static float[] run(Subject subject, ChosenDevice device, Tuning tuning, int tokens) {
    Launch launch =
        Launch.of(
            subject.plan(),
            subject.weights(),
            List.of(0),
            subject.plan().bucket(tokens),
            tokens,
            device.limits().with(Tunings.always(tuning)));
    float[] output = new float[tokens * OddLayer.HIDDEN];
    try (DevicePlan ready =
        DevicePlan.prepare(
            subject.plan(), subject.weights(), List.of(0), List.of(launch), device, () -> {})) {
      LayerArrays arrays = launch.arrays();
      RowTransfer rows = new RowTransfer(DType.F32, OddLayer.HIDDEN, OddLayer.HIDDEN);
      rows.in(
          MemorySegment.ofArray(hidden(tokens)), 0, tokens, (FloatArray) arrays.caller("hidden"));
      new RowTransfer(DType.F32, OddLayer.TOP_K, OddLayer.TOP_K)
          .in(
              MemorySegment.ofArray(weights(tokens)),
              0,
              tokens,
              (FloatArray) arrays.caller("topk_weights"));
      RowTransfer.ids(
          MemorySegment.ofArray(ids(tokens)),
          0,
          tokens * OddLayer.TOP_K,
          (IntArray) arrays.caller("topk_ids"));
      ready.execute(tokens);
      rows.out((FloatArray) arrays.caller("output"), MemorySegment.ofArray(output), 0, tokens);
    }
    return output;
  }

  private static int[] ids(int tokens) {
    List<Integer> ids = new ArrayList<>();
    for (int t = 0; t < tokens; t++) {
      ids.addAll(List.of(0, t < 16 ? 1 : 2, 3));
    }
    return ids.stream().mapToInt(i -> i).toArray();
  }

  private static float[] weights(int tokens) {
    float[] weights = hidden(tokens);
    float[] first = new float[tokens * OddLayer.TOP_K];
    System.arraycopy(weights, 0, first, 0, first.length);
    return first;
  }

  private static float[] hidden(int tokens) {
    Random random = new Random(tokens);
    float[] values = new float[tokens * OddLayer.HIDDEN];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static double error(float[] want, float[] found) {
    double worst = 0;
    double squares = 0;
    for (int i = 0; i < want.length; i++) {
      worst = Math.max(worst, Math.abs(want[i] - found[i]));
      squares += (double) want[i] * want[i];
    }
    return worst / Math.sqrt(squares / want.length);
  }
}
