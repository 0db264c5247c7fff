package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.cli.parallel.PlanChoices;
import dev.tornadomoe.cli.parallel.ProcessGroup;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.parallel.CombineMode;
import dev.tornadomoe.parallel.Communicator;
import dev.tornadomoe.parallel.ExpertParallelism;
import dev.tornadomoe.parallel.ThreadRanks;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The golden checkpoints with their experts on 1 to 4 ranks: the same bits as in one process
/// alone, and right; where ranks send back sums, right and the same bits in each run.
class ParallelGoldenTest {
  private static final int MOST_RANKS = 4;

  /// Divides neither 4 nor 8 experts evenly: what all checkpoints run on, and some on every number.
  private static final int UNEVEN = 3;

  private static final boolean FULL = Breadth.askedOr(Breadth.NARROW) == Breadth.FULL;

  static List<Path> checkpoints() {
    List<Path> checkpoints = new ArrayList<>(Golden.all());
    checkpoints.add(Golden.directory("latent/nemotron_h"));
    return checkpoints;
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void everyNumberOfRanksGivesTheSameBits(Path directory) {
    List<float[]> alone = outputs(directory, null, CombineMode.PAIR);
    for (int ranks : numbersOfRanks(directory)) {
      List<List<float[]>> ofRanks =
          ThreadRanks.run(ranks, rank -> outputs(directory, rank, CombineMode.PAIR));
      for (List<float[]> found : ofRanks) {
        for (int i = 0; i < alone.size(); i++) {
          assertThat(found.get(i)).as("case %d on %d ranks", i, ranks).isEqualTo(alone.get(i));
        }
      }
    }
  }

  static List<Path> checkpointsInSums() {
    return FULL ? checkpoints() : Golden.kinds();
  }

  @ParameterizedTest
  @MethodSource("checkpointsInSums")
  void sumsOfRanksAreRightAndRepeatable(Path directory) {
    for (int ranks : FULL ? numbersOfRanks(directory) : List.of(UNEVEN)) {
      List<float[]> first = sums(directory, ranks);
      List<float[]> again = sums(directory, ranks);
      for (int i = 0; i < first.size(); i++) {
        assertThat(again.get(i)).as("case %d on %d ranks", i, ranks).isEqualTo(first.get(i));
      }
    }
  }

  private static List<float[]> sums(Path directory, int ranks) {
    return ThreadRanks.run(ranks, rank -> outputs(directory, rank, CombineMode.RANK)).getFirst();
  }

  private static List<Integer> numbersOfRanks(Path directory) {
    return FULL || Golden.kinds().contains(directory)
        ? IntStream.rangeClosed(1, MOST_RANKS).boxed().toList()
        : List.of(UNEVEN);
  }

  /// The outputs of all cases, each of which is right.
  private static List<float[]> outputs(
      Path directory, @Nullable Communicator ranks, CombineMode combine) {
    PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
    ProcessGroup processes =
        ranks == null
            ? ProcessGroup.alone(nowhere, nowhere)
            : ProcessGroup.of(
                ranks, ExpertParallelism.over(ranks).combine(combine).build(), nowhere, nowhere);
    List<float[]> outputs = new ArrayList<>();
    try (Checkpoint checkpoint = Checkpoint.open(directory);
        TensorFile golden = TensorFile.open(directory.resolve("golden.safetensors"))) {
      MoeModel model = MoeModel.of(checkpoint);
      for (Map.Entry<Integer, List<Reference>> layer :
          Reference.golden(golden, model::parts, model::layer).entrySet()) {
        MoeLayer part = processes.part(model.layer(layer.getKey()));
        Planner.Builder planner =
            new PlanChoices().planner(AliasMode.AUTO, processes).maxTokens(64);
        MoePlan plan = planner.build().plan(part);
        processes.agree(directory, plan, List.of(model.layer(layer.getKey())));
        try (Session session = Backends.require("cpu").prepare(plan)) {
          for (Reference reference : layer.getValue()) {
            float[] output =
                processes.run(
                    session, reference.input(), reference.tokens(), reference.extras().copy());
            Comparison.Deviation error = Comparison.Deviation.of(reference.output(), output);
            assertThat(Tolerance.EXACT.holds(error)).as("%s", error).isTrue();
            outputs.add(output);
          }
        }
      }
    }
    return outputs;
  }
}
