package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.Planner;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every golden checkpoint on a real device (PoCL on a machine without a GPU), beside the reference
/// backend, with the alias and without.
class TornadoGoldenTest {
  private static final int[] TOKENS = {1, 5, 33};

  static Stream<Path> checkpoints() throws IOException {
    Path golden = Path.of("../src/test/resources/golden");
    try (Stream<Path> folders = Files.list(golden)) {
      return folders.sorted().toList().stream().flatMap(TornadoGoldenTest::list);
    }
  }

  private static Stream<Path> list(Path folder) {
    try (Stream<Path> directories = Files.list(folder)) {
      return directories.sorted().toList().stream();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void computesWhatTheReferenceComputes(Path directory) {
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      MoeModel model = MoeModel.of(checkpoint);
      List<MoeLayer> layers = model.layerIndices().stream().map(model::layer).toList();
      Backend tornado = Backends.require("tornado");
      try (Session expected = session(Backends.require("reference"), layers, AliasMode.OFF);
          Session aliased = session(tornado, layers, AliasMode.REQUIRE);
          Session copied = session(tornado, layers, AliasMode.OFF)) {
        for (int place = 0; place < layers.size(); place++) {
          for (int tokens : TOKENS) {
            float[] hidden = random(tokens * layers.get(place).hidden());
            float[] want = run(expected, place, hidden, tokens);
            float[] on = run(aliased, place, hidden, tokens);
            float[] off = run(copied, place, hidden, tokens);
            assertThat(on).containsExactly(off);
            assertThat(error(want, on)).isLessThanOrEqualTo(2e-5);
          }
        }
        assertThat(aliased.copies()).isZero();
        assertThat(copied.copies()).isEqualTo((long) layers.size() * TOKENS.length);
      }
    }
  }

  private static Session session(Backend backend, List<MoeLayer> layers, AliasMode mode) {
    return backend.prepare(
        Planner.builder().maxTokens(33).outputAliasing(mode).build().plan(layers));
  }

  private static float[] run(Session session, int place, float[] hidden, int tokens) {
    float[] output = new float[hidden.length];
    session.run(
        new MoeCall()
            .layer(place)
            .hidden(MemorySegment.ofArray(hidden), tokens)
            .output(MemorySegment.ofArray(output)));
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
