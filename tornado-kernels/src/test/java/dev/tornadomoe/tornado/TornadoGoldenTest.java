package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.modular.HybridExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.Planner;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every golden checkpoint on a real device (PoCL on a machine without a GPU), beside the reference
/// backend. A narrow sweep takes the checkpoints that have a feature which none before has, of each
/// a layer of each kind, and leaves the alias away for the first checkpoint of each folder.
class TornadoGoldenTest {
  private static final Path GOLDEN = Path.of("../src/test/resources/golden");

  private static final boolean IS_FULL = Breadth.askedOr(Breadth.NARROW) == Breadth.FULL;

  static Stream<Path> checkpoints() {
    List<Path> all = folders().flatMap(TornadoGoldenTest::list).toList();
    return (IS_FULL ? all : LayerFeatures.firsts(all)).stream();
  }

  static Stream<Path> checkpointsWithoutAlias() {
    return folders().flatMap(folder -> IS_FULL ? list(folder) : list(folder).limit(1));
  }

  /// Of experts with rows of another size the output is never an alias.
  private static Stream<Path> folders() {
    return list(GOLDEN).filter(folder -> !folder.endsWith("latent"));
  }

  private static Stream<Path> list(Path folder) {
    try (Stream<Path> directories = Files.list(folder)) {
      return directories.sorted().toList().stream();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /// Tokens of the calls. Those of `hf` differ in their families, the others in their formats too,
  /// which the contracts have for one token.
  private static int[] tokens(Path directory) {
    if (IS_FULL) {
      return new int[] {1, 5, 33};
    }
    return new int[] {directory.getParent().endsWith("hf") ? 1 : 5};
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void computesWhatTheReferenceComputes(Path directory) {
    assertComputes(directory, AliasMode.REQUIRE);
  }

  @Test
  void computesWithExpertsOfAnotherSize() {
    assertComputes(GOLDEN.resolve("latent/nemotron_h"), AliasMode.AUTO);
  }

  private static void assertComputes(Path directory, AliasMode alias) {
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      List<MoeLayer> layers = layers(checkpoint);
      int[] counts = tokens(directory);
      try (Session expected = session("reference", layers, AliasMode.OFF, counts);
          Session aliased = session("tornado", layers, alias, counts)) {
        for (int place = 0; place < layers.size(); place++) {
          for (int tokens : counts) {
            float[] hidden = random(tokens * layers.get(place).hidden());
            float[] wantedStates = random(tokens * layers.get(place).routerStates());
            float[] states = wantedStates.clone();
            float[] want = run(expected, place, hidden, wantedStates);
            float[] found = run(aliased, place, hidden, states);
            assertThat(error(want, found)).isLessThanOrEqualTo(2e-5);
            if (states.length > 0) {
              assertThat(error(wantedStates, states)).isLessThanOrEqualTo(2e-5);
            }
          }
        }
        assertThat(aliased.copies()).isZero();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("checkpointsWithoutAlias")
  void theAliasChangesNoBit(Path directory) {
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      List<MoeLayer> layers = layers(checkpoint);
      int[] counts = tokens(directory);
      try (Session aliased = session("tornado", layers, AliasMode.REQUIRE, counts);
          Session copied = session("tornado", layers, AliasMode.OFF, counts)) {
        for (int place = 0; place < layers.size(); place++) {
          for (int tokens : counts) {
            float[] hidden = random(tokens * layers.get(place).hidden());
            float[] statesOn = random(tokens * layers.get(place).routerStates());
            float[] statesOff = statesOn.clone();
            float[] on = run(aliased, place, hidden, statesOn);
            assertThat(on).containsExactly(run(copied, place, hidden, statesOff));
            assertThat(statesOn).containsExactly(statesOff);
          }
        }
        assertThat(aliased.copies()).isZero();
        assertThat(copied.copies()).isEqualTo((long) layers.size() * counts.length);
      }
    }
  }

  private static List<MoeLayer> layers(Checkpoint checkpoint) {
    MoeModel model = MoeModel.of(checkpoint);
    List<MoeLayer> layers = model.layerIndices().stream().map(model::layer).toList();
    return IS_FULL ? layers : List.copyOf(LayerKind.firsts(layers));
  }

  /// Experts of a narrow sweep are grouped from two tokens on: one kind of kernels for each number
  /// of tokens.
  private static Session session(
      String backend, List<MoeLayer> layers, AliasMode mode, int[] tokens) {
    Planner.Builder planner =
        Planner.builder().maxTokens(tokens[tokens.length - 1]).outputAliasing(mode);
    if (!IS_FULL) {
      planner.modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), new HybridExperts(1)));
    }
    return Backends.require(backend).prepare(planner.build().plan(layers));
  }

  /// @param states of the layer before, and then of this one
  private static float[] run(Session session, int place, float[] hidden, float[] states) {
    int tokens = hidden.length / session.plan().layers().get(place).hidden();
    float[] output = new float[hidden.length];
    // Layers that have no use for token ids or router states take them all the same.
    session.run(
        new MoeCall()
            .layer(place)
            .hidden(MemorySegment.ofArray(hidden), tokens)
            .output(MemorySegment.ofArray(output))
            .tokenIds(MemorySegment.ofArray(IntStream.range(0, tokens).toArray()))
            .routerStates(MemorySegment.ofArray(states)));
    return output;
  }

  private static float[] random(int count) {
    Random random = new Random(count);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
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
