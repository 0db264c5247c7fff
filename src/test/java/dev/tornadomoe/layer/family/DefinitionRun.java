package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.BlockLoops.doubles;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.plan.Planner;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.function.UnaryOperator;

/// Layer 1 of a stored model, run beside a loop that is its definition.
final class DefinitionRun {
  private static final int TOKENS = 5;

  private DefinitionRun() {}

  /// @param expected of one row
  static void assertComputes(
      Path directory, String config, TensorSet tensors, UnaryOperator<double[]> expected) {
    float[] hidden = new float[TOKENS * HIDDEN];
    Random random = new Random(5);
    for (int i = 0; i < hidden.length; i++) {
      hidden[i] = (float) random.nextGaussian() / 2;
    }
    float[] output = new float[hidden.length];
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors.tensors());
        Session session =
            Backends.require("cpu")
                .prepare(
                    Planner.builder()
                        .maxTokens(TOKENS)
                        .build()
                        .plan(MoeModel.of(checkpoint).layer(1)))) {
      session.run(MemorySegment.ofArray(hidden), TOKENS, MemorySegment.ofArray(output));
    }
    for (int t = 0; t < TOKENS; t++) {
      double[] row =
          expected.apply(doubles(Arrays.copyOfRange(hidden, t * HIDDEN, (t + 1) * HIDDEN)));
      double rms = Math.sqrt(Arrays.stream(row).map(v -> v * v).average().orElseThrow());
      for (int i = 0; i < HIDDEN; i++) {
        assertThat((double) output[t * HIDDEN + i])
            .as("token %d, element %d", t, i)
            .isCloseTo(row[i], within(2e-5 * rms));
      }
    }
  }
}
