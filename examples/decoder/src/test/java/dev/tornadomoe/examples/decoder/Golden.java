package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import java.util.stream.IntStream;

/// What transformers computes for a model: `golden_model.safetensors`.
@SuppressWarnings("ArrayRecordComponent") // read only
public record Golden(int[] prompt, float[][] logits, int[] greedy) {
  /// Of this module, seen from those beside it too.
  public static final Path MODELS = Path.of("../decoder/src/test/resources/models");

  public static Checkpoint open(String model) {
    return Checkpoint.open(MODELS.resolve(model));
  }

  public static Golden read(String model) {
    Path path = MODELS.resolve(model).resolve("golden_model.safetensors");
    try (TensorFile file = TensorFile.open(path)) {
      int[] prompt = ints(file.require("input_ids"));
      TensorView rows = file.require("logits");
      float[][] logits =
          IntStream.range(0, prompt.length)
              .mapToObj(token -> rows.at(token).toFloats())
              .toArray(float[][]::new);
      return new Golden(prompt, logits, ints(file.require("greedy_ids")));
    }
  }

  private static int[] ints(TensorView view) {
    return IntStream.range(0, (int) view.shape().elements())
        .map(i -> (int) view.getLong(i))
        .toArray();
  }

  /// The largest error over the rms of what is expected.
  public static double error(float[] expected, float[] found) {
    double worst = 0;
    double squares = 0;
    for (int i = 0; i < expected.length; i++) {
      worst = Math.max(worst, Math.abs(expected[i] - found[i]));
      squares += (double) expected[i] * expected[i];
    }
    return worst / Math.sqrt(squares / expected.length);
  }
}
