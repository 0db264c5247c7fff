package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.host.LayerWeights;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.modular.HybridExperts;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.parallel.CombineMode;
import dev.tornadomoe.parallel.ExpertParallelism;
import dev.tornadomoe.parallel.ThreadRanks;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.SessionMemory.Bytes;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Ranks whose experts are on a device, against one process that has all of them on the host.
class ExpertsOnDeviceTest {
  private static final int MOST_TOKENS = 6;
  private static final double TOLERANCE = 2e-5;

  private static final boolean IS_FULL = Breadth.askedOr(Breadth.NARROW) == Breadth.FULL;

  private static final LayerSpec INT4 =
      LayerSpec.odd().with(WeightFormat.int4(DType.BF16, 32, true, false)).withShared(24, true);

  static Stream<LayerSpec> layers() {
    return Stream.of(
        INT4,
        LayerSpec.odd().withBiases(),
        LayerSpec.odd().withIdentities(2),
        LayerSpec.odd().sized(64, 48, 4, TopKGating.softmax(1, false)).withWeightOnInput());
  }

  /// Each rank compiles kernels of its own.
  static Stream<LayerSpec> layersInPairs() {
    return layers().limit(IS_FULL ? Long.MAX_VALUE : 2);
  }

  static Stream<CombineMode> combines() {
    return IS_FULL ? Stream.of(CombineMode.values()) : Stream.of(CombineMode.RANK);
  }

  @AfterEach
  void reset() {
    System.clearProperty(TornadoDevices.KERNELS_PROPERTY);
  }

  @ParameterizedTest
  @MethodSource("layersInPairs")
  void resultsDoNotDependOnTheNumberOfRanks(LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 3);
    List<float[]> inputs =
        IntStream.of(1, MOST_TOKENS)
            .mapToObj(tokens -> Rows.random(tokens * layer.hidden(), 50 + tokens))
            .toList();
    List<float[]> one = together(1, CombineMode.PAIR, layer, inputs, plan -> plan);
    for (int i = 0; i < inputs.size(); i++) {
      Rows.assertClose(one.get(i), alone(layer, inputs.get(i)), TOLERANCE);
    }
    List<float[]> three = together(3, CombineMode.PAIR, layer, inputs, plan -> plan);
    for (int i = 0; i < inputs.size(); i++) {
      assertThat(three.get(i)).as("input %d", i).isEqualTo(one.get(i));
    }
  }

  @ParameterizedTest
  @MethodSource("layers")
  void sumsOfRanksAreRightAndRepeatable(LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 3);
    float[] one = Rows.random(layer.hidden(), 51);
    float[] most = Rows.random(MOST_TOKENS * layer.hidden(), 56);
    List<float[]> found =
        together(
            IS_FULL ? 3 : 2, CombineMode.RANK, layer, List.of(one, most, one, most), plan -> plan);
    Rows.assertClose(found.get(0), alone(layer, one), TOLERANCE);
    Rows.assertClose(found.get(1), alone(layer, most), TOLERANCE);
    assertThat(found.get(2)).isEqualTo(found.get(0));
    assertThat(found.get(3)).isEqualTo(found.get(1));
  }

  /// For so few tokens hybrid experts have two steps where grouped ones have four.
  @Test
  void expertsThatSumMayWorkPairByPair() {
    MoeLayer layer = RandomLayer.of(INT4, 3);
    float[] input = Rows.random(3 * layer.hidden(), 50);
    float[] found =
        ThreadRanks.run(
                1,
                rank -> {
                  ExpertParallelism job =
                      ExpertParallelism.over(rank).combine(CombineMode.RANK).build();
                  MoePlan plan =
                      plan(
                          job,
                          layer,
                          options ->
                              options
                                  .maxTokens(3)
                                  .modularMoe(part ->
                                      new ModularMoe(
                                          job.modularMoe(part).prepareAndFinalize(),
                                          new HybridExperts())));
                  try (Session session = Backends.require("tornado").prepare(plan)) {
                    return run(session, input, layer.hidden());
                  }
                })
            .getFirst();
    Rows.assertClose(found, alone(layer, input), TOLERANCE);
  }

  /// Kernels for GPUs are cut by how many pairs there are, and add up in another order then: in
  /// pieces of a call, too.
  @ParameterizedTest
  @MethodSource("combines")
  void kernelsForGpusAreRightOnAnyNumberOfRanks(CombineMode combine) {
    System.setProperty(TornadoDevices.KERNELS_PROPERTY, "work-groups");
    boolean inPieces = combine == CombineMode.RANK;
    int tokens = inPieces ? 400 : MOST_TOKENS; // three pieces with blocks of 64 pairs
    MoeLayer layer = RandomLayer.of(INT4.sized(64, 48, 8, TopKGating.softmax(2, true)), 3);
    float[] input = Rows.random(tokens * layer.hidden(), 50);
    List<float[]> found =
        together(
            2,
            combine,
            layer,
            List.of(input, input),
            plan -> plan.maxTokens(tokens),
            () -> assertThat(deviceThreads() > 0).as("begins early").isEqualTo(inPieces));
    double[] expected = alone(layer, input);
    found.forEach(each -> Rows.assertClose(each, expected, TOLERANCE));
  }

  @ParameterizedTest
  @MethodSource("combines")
  void everyRunIsAudited(CombineMode combine) {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    float[] input = Rows.random(5 * layer.hidden(), 6);
    List<float[]> found = together(2, combine, layer, List.of(input), plan -> plan.sanitize(true));
    Rows.assertClose(found.getFirst(), alone(layer, input), TOLERANCE);
  }

  /// The one with biases: `.ci/run` verifies another on ranks that are processes.
  static Stream<String> checkpoints() {
    return IS_FULL
        ? Stream.of("hf/mixtral", "hf/deepseek_v2", "hf/gpt_oss")
        : Stream.of("hf/gpt_oss");
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void goldenCheckpoints(String name) {
    Path directory = Path.of("../src/test/resources/golden").resolve(name);
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      MoeModel model = MoeModel.of(checkpoint);
      MoeLayer layer = model.layer(model.layerIndices().getFirst());
      float[] input = Rows.random(MOST_TOKENS * layer.hidden(), 8);
      double[] expected = alone(layer, input);
      combines()
          .forEach(combine -> {
            List<float[]> found = together(2, combine, layer, List.of(input), plan -> plan);
            Rows.assertClose(found.getFirst(), expected, TOLERANCE);
          });
    }
  }

  /// A first call finds out whether the device's thread may change; from the second on experts
  /// begin with a rank's own rows, with half of them where that is enough, while others' are on
  /// their way.
  @ParameterizedTest
  @ValueSource(ints = {40, 90})
  void whatIsDonePieceByPieceHasTheSameBits(int tokens) {
    MoeLayer layer =
        RandomLayer.of(INT4.sized(64, 48, 8, TopKGating.softmax(2, true)), 3); // blocks of 8 pairs
    float[] input = Rows.random(tokens * layer.hidden(), 8);
    List<float[]> found =
        together(
            2,
            CombineMode.RANK,
            layer,
            List.of(input, input, input),
            plan -> plan.maxTokens(tokens),
            () -> assertThat(deviceThreads()).as("begins early").isPositive());
    Rows.assertClose(found.getFirst(), alone(layer, input), TOLERANCE);
    assertThat(found.get(1)).isEqualTo(found.getFirst());
    assertThat(found.get(2)).isEqualTo(found.getFirst());
  }

  private static long deviceThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("moe-device"))
        .count();
  }

  /// More pairs, or rows, than the device takes at once.
  @ParameterizedTest
  @CsvSource({"PAIR, 300, 8", "RANK, 2100, 2"})
  void whatIsTooMuchAtOnceIsDoneInTurn(CombineMode combine, int tokens, int topK) {
    MoeLayer layer =
        RandomLayer.of(LayerSpec.odd().sized(32, 16, 9, TopKGating.softmax(topK, true)), 7);
    float[] input = Rows.random(tokens * layer.hidden(), 8);
    List<float[]> found =
        together(1, combine, layer, List.of(input), plan -> plan.maxTokens(tokens));
    Rows.assertClose(found.getFirst(), alone(layer, input), TOLERANCE);
  }

  /// Experts' rows are the device's, which has memory of its own for them.
  @Test
  void theHostHasNoScratchForExpertsThatSumOnTheDevice() {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    ThreadRanks.run(
        1,
        rank -> {
          ExpertParallelism job = ExpertParallelism.over(rank).combine(CombineMode.RANK).build();
          MoePlan plan = plan(job, layer, options -> options.maxTokens(100));
          long expertRows = 100L * layer.topK() * layer.hidden() * Float.BYTES;
          Bytes workspace = new TornadoBackend().memory(plan).workspace();
          // Beside what the device has on both sides.
          assertThat(workspace.host() - workspace.device())
              .isPositive()
              .isLessThan(plan.workspaceBytes() - expertRows);
          return plan;
        });
  }

  /// They have other experts maps there.
  @Test
  void plansThatSumAndPlansThatDontShareNoWeights() {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    ThreadRanks.run(
        1,
        rank -> {
          ExpertParallelism sums = ExpertParallelism.over(rank).combine(CombineMode.RANK).build();
          MoePlan plan = plan(sums, layer, options -> options);
          MoePlan pairs =
              Planner.builder()
                  .modularMoe(ExpertParallelism.over(rank).build()::modularMoe)
                  .build()
                  .plan(plan.layers());
          try (Session session = Backends.require("tornado").prepare(plan)) {
            assertThatThrownBy(() -> session.fork(pairs))
                .isInstanceOf(BackendException.class)
                .hasMessageContaining("can't share weights on a device");
          }
          return rank;
        });
  }

  @Test
  void expertsThatAreNotGroupedAreRefused() {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    ThreadRanks.run(
        1,
        rank -> {
          ExpertParallelism job = ExpertParallelism.over(rank).build();
          MoePlan plan = plan(job, layer, options -> options);
          assertThat(new TornadoBackend().unsupported(plan)).isEmpty();
          // A plan for rows of this process alone has other steps.
          MoePlan local = Planner.builder().build().plan(plan.layers());
          long[] loaded = new long[2];
          Progress progress =
              (done, all) -> {
                loaded[0] = done;
                loaded[1] = all;
              };
          try (Session session = Backends.require("tornado").prepare(plan, progress)) {
            assertThat(loaded).containsOnly(bytes(layer));
            assertThatThrownBy(() -> session.fork(local))
                .isInstanceOf(BackendException.class)
                .hasMessage(
                    "layer 3: step \"down + weight + reduce + shared_out\" can't run on a device"
                        + " that gets rows of other processes; experts \"unreduced\" and"
                        + " \"fused\" can, and backends cpu and reference run it");
          }
          return plan;
        });
  }

  private static long bytes(MoeLayer layer) {
    return LayerWeights.of(layer).stream().mapToLong(Weight::bytes).sum();
  }

  private static double[] alone(MoeLayer layer, float[] hidden) {
    int tokens = hidden.length / layer.hidden();
    MoePlan plan = Planner.builder().maxTokens(tokens).build().plan(layer);
    float[] output = new float[hidden.length];
    try (Session session = Backends.require("reference").prepare(plan)) {
      session.run(Rows.of(hidden), tokens, Rows.of(output));
    }
    return IntStream.range(0, output.length).mapToDouble(i -> output[i]).toArray();
  }

  private static MoePlan plan(
      ExpertParallelism job, MoeLayer layer, UnaryOperator<Planner.Builder> options) {
    return options
        .apply(Planner.builder().maxTokens(MOST_TOKENS).modularMoe(job::modularMoe))
        .build()
        .plan(job.part(layer));
  }

  /// What ranks make of some inputs, of which each has its part; of a single token the last has
  /// all.
  private static List<float[]> together(
      int ranks,
      CombineMode combine,
      MoeLayer layer,
      List<float[]> inputs,
      UnaryOperator<Planner.Builder> options) {
    return together(ranks, combine, layer, inputs, options, () -> {});
  }

  /// @param check what a rank looks at before its session ends
  private static List<float[]> together(
      int ranks,
      CombineMode combine,
      MoeLayer layer,
      List<float[]> inputs,
      UnaryOperator<Planner.Builder> options,
      Runnable check) {
    List<List<float[]>> outputs =
        ThreadRanks.run(
            ranks,
            rank -> {
              ExpertParallelism job = ExpertParallelism.over(rank).combine(combine).build();
              try (Session session =
                  Backends.require("tornado").prepare(plan(job, layer, options))) {
                List<float[]> ofRank =
                    inputs.stream()
                        .map(input ->
                            run(
                                session,
                                part(input, layer.hidden(), rank.rank(), rank.size()),
                                layer.hidden()))
                        .toList();
                check.run();
                return ofRank;
              }
            });
    return IntStream.range(0, inputs.size())
        .mapToObj(i -> joined(outputs.stream().map(ofRank -> ofRank.get(i)).toList()))
        .toList();
  }

  private static float[] part(float[] rows, int width, int rank, int ranks) {
    int tokens = rows.length / width;
    return Arrays.copyOfRange(
        rows, tokens * rank / ranks * width, tokens * (rank + 1) / ranks * width);
  }

  private static float[] run(Session session, float[] hidden, int width) {
    float[] output = new float[hidden.length];
    session.run(
        MemorySegment.ofArray(hidden), hidden.length / width, MemorySegment.ofArray(output));
    return output;
  }

  private static float[] joined(List<float[]> parts) {
    float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
    int at = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }
}
