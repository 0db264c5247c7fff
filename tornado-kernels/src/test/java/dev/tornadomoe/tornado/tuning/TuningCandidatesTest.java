package dev.tornadomoe.tornado.tuning;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tornado.DeviceMemory;
import dev.tornadomoe.tornado.TornadoBackend;
import dev.tornadomoe.tornado.TornadoDevices;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.RowTransfer;
import dev.tornadomoe.tornado.graph.DevicePlan;
import dev.tornadomoe.tornado.graph.GraphRoom;
import dev.tornadomoe.tornado.graph.Launch;
import dev.tornadomoe.tornado.graph.LaunchArrays;
import dev.tornadomoe.tornado.graph.LayerArrays;
import dev.tornadomoe.tornado.graph.SessionArrays;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Every cut that a tuner can choose computes what the reference computes, on a layer in which no
/// size is a multiple of a tile's: H 96, I 40, E 5, top-3. Each is run once: formats take turns, so
/// that every number of rows meets all of them, in one of its widths each. Narrow sweeps
/// ([Breadth]) run those with something new.
class TuningCandidatesTest {
  private static final List<WeightFormat> FORMATS =
      List.of(
          WeightFormat.int4(DType.BF16, 24, true, false),
          WeightFormat.int4(DType.F16, 24, false, true),
          WeightFormat.dense(DType.BF16));

  private static final int FEW = 3;

  /// 81 pairs: 27 of expert 0, 16 of expert 1, 11 of expert 2, 27 of expert 3, none of expert 4. So
  /// blocks of each size are full, and others not.
  private static final int MANY = 27;

  @AfterEach
  void reset() {
    System.clearProperty(TornadoDevices.KERNELS_PROPERTY);
  }

  @ParameterizedTest
  @ValueSource(strings = {"work-items", "work-groups"})
  void blocksComputeWhatTheReferenceComputes(String kernels) {
    System.setProperty(TornadoDevices.KERNELS_PROPERTY, kernels);
    List<Tuning> all = candidates(MANY).blocks();
    assertThat(all).hasSizeGreaterThanOrEqualTo(4).doesNotHaveDuplicates();
    List<Subject> subjects = subjects(MANY, false);
    for (Case each : swept(all, Tuning::blockDown)) {
      check(each.tuning(), subjects.get(each.format()));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void groupsComputeWhatTheReferenceComputes(boolean routed) {
    System.setProperty(TornadoDevices.KERNELS_PROPERTY, "work-groups");
    List<Tuning> all = candidates(FEW).groups();
    assertThat(all).hasSizeGreaterThanOrEqualTo(4).doesNotHaveDuplicates();
    List<Subject> subjects = subjects(FEW, routed);
    for (Case each : swept(all, Tuning::gateUp)) {
      check(each.tuning(), subjects.get(each.format()));
    }
  }

  @Test
  void workItemsHaveNoGroupsToChooseFrom() {
    System.setProperty(TornadoDevices.KERNELS_PROPERTY, "work-items");
    TuningCandidates candidates = candidates(FEW);
    assertThat(candidates.groups()).containsExactly(candidates.guess());
  }

  /// Whatever is chosen must be read again.
  @ParameterizedTest
  @ValueSource(strings = {"work-items", "work-groups"})
  void aFileMayHoldEachOfThem(String kernels) {
    System.setProperty(TornadoDevices.KERNELS_PROPERTY, kernels);
    for (int tokens : new int[] {1, FEW, MANY, 300}) {
      TuningCandidates candidates = candidates(tokens);
      List<Tuning> all = new ArrayList<>(candidates.groups());
      all.addAll(candidates.blocks());
      for (Tuning tuning : all) {
        TuningEntry entry = TuningEntry.of(candidates.key(), tokens, tuning, 1, 1);
        assertThat(new TuningJson("entry", TuningJson.write(entry)).entry()).isEqualTo(entry);
      }
    }
  }

  /// A cut and the format that it is run with.
  private record Case(Tuning tuning, int format) {}

  /// All cuts, or where sweeps are narrow as few as have each number of rows, each width, each
  /// number of tokens and each format: always the one that has most of what is missing.
  private static List<Case> swept(List<Tuning> all, Function<Tuning, GroupShape> split) {
    Map<Case, Set<String>> left = new LinkedHashMap<>();
    for (Tuning tuning : all) {
      int rows = Integer.numberOfTrailingZeros(split.apply(tuning).rowsPerItem());
      int width = Integer.numberOfTrailingZeros(split.apply(tuning).threads());
      int format = (rows + width) % FORMATS.size();
      left.put(
          new Case(tuning, format),
          new HashSet<>(
              List.of(
                  "rows " + rows,
                  "width " + width,
                  "tokens " + tuning.tokens(),
                  "format " + format)));
    }
    if (Breadth.askedOr(Breadth.NARROW) == Breadth.FULL) {
      return List.copyOf(left.keySet());
    }
    List<Case> cases = new ArrayList<>();
    while (true) {
      Map.Entry<Case, Set<String>> most =
          Collections.max(left.entrySet(), Comparator.comparingInt(e -> e.getValue().size()));
      if (most.getValue().isEmpty()) {
        return cases;
      }
      cases.add(most.getKey());
      Set<String> found = Set.copyOf(most.getValue());
      left.values().forEach(missing -> missing.removeAll(found));
    }
  }

  private static TuningCandidates candidates(int tokens) {
    DeviceLimits limits = TornadoBackend.device().limits();
    TuningKey key = new TuningKey(limits.shape(), 96, 40, 5, 3, "any");
    return new TuningCandidates(limits, key, Tuning.guess(limits, key, tokens));
  }

  /// A layer on the device, a call of it, and what the reference makes of that.
  private record Subject(
      MoePlan plan, DeviceWeights weights, int tokens, boolean routed, float[] expected) {}

  /// One for each format.
  private static List<Subject> subjects(int tokens, boolean routed) {
    return FORMATS.stream()
        .map(format -> {
          MoeLayer layer = RandomLayer.of(LayerSpec.odd().with(format), 5);
          MoePlan plan =
              routed
                  ? Planner.builder().maxTokens(tokens).build().plan(layer)
                  : Planner.builder()
                      .maxTokens(tokens)
                      .callerRoutes(true)
                      .build()
                      .plan(new MoeLayer(0, layer.topK(), null, layer.experts(), null, false));
          return new Subject(
              plan,
              DeviceMemory.load(plan, TornadoBackend.device().limits(), Progress.NONE),
              tokens,
              routed,
              expected(plan, tokens, routed));
        })
        .toList();
  }

  private static float[] expected(MoePlan plan, int tokens, boolean routed) {
    float[] output = new float[tokens * 96];
    MoeCall call =
        new MoeCall().hidden(hidden(tokens), tokens).output(MemorySegment.ofArray(output));
    try (Session reference = Backends.require("reference").prepare(plan)) {
      reference.run(routed ? call : call.routing(ids(tokens), weights(tokens)));
    }
    return output;
  }

  private static void check(Tuning tuning, Subject subject) {
    ChosenDevice device = TornadoBackend.device();
    int tokens = subject.tokens();
    LaunchArrays all =
        LaunchArrays.of(
            new Launch.Size(subject.plan().bucket(tokens), tokens),
            subject.weights().layers(),
            device.limits().shape(),
            new SessionArrays());
    Launch launch =
        Launch.of(
            subject.plan(),
            subject.weights(),
            List.of(0),
            all,
            device.tuning().with(Tunings.always(tuning)));
    float[] output = new float[tokens * 96];
    try (DevicePlan ready =
        DevicePlan.prepare(
            subject.plan(),
            DevicePlan.graphs(List.of(launch), GraphRoom.WHOLE),
            device,
            () -> {})) {
      LayerArrays arrays = launch.arrays();
      RowTransfer rows = new RowTransfer(DType.F32, 96, 96);
      rows.in(hidden(tokens), 0, tokens, (FloatArray) arrays.caller(CallerRegion.HIDDEN));
      if (!subject.routed()) {
        new RowTransfer(DType.F32, 3, 3)
            .in(weights(tokens), 0, tokens, (FloatArray) arrays.caller(CallerRegion.TOPK_WEIGHTS));
        RowTransfer.ids(
            ids(tokens), 0, tokens * 3, (IntArray) arrays.caller(CallerRegion.TOPK_IDS));
      }
      ready.execute(launch, tokens);
      rows.out(
          (FloatArray) arrays.caller(CallerRegion.OUTPUT),
          MemorySegment.ofArray(output),
          0,
          tokens);
    }
    double[] expected =
        IntStream.range(0, output.length).mapToDouble(i -> subject.expected()[i]).toArray();
    assertThat(output).as(tuning.toString()).doesNotContain(Float.NaN);
    Rows.assertClose(output, expected, 2e-5);
  }

  private static MemorySegment hidden(int tokens) {
    return MemorySegment.ofArray(Rows.random(tokens * 96, 1));
  }

  private static MemorySegment weights(int tokens) {
    return MemorySegment.ofArray(Rows.random(tokens * 3, 2));
  }

  private static MemorySegment ids(int tokens) {
    return MemorySegment.ofArray(
        IntStream.range(0, tokens)
            .flatMap(token -> IntStream.of(0, token < 16 ? 1 : 2, 3))
            .toArray());
  }
}
