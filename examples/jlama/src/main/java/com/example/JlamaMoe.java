package com.example;

import com.github.tjake.jlama.model.MoEBlock;
import com.github.tjake.jlama.model.functions.FeedForward;
import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.tensor.FloatBufferTensor;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/// A layer of a Mixtral in Jlama, with Jlama's own block and with this library's, beside what
/// transformers computes.
///
///     examples/run jlama
@SuppressWarnings("rawtypes") // Jlama's tensors
public final class JlamaMoe {
  private JlamaMoe() {}

  public static void main(String[] arguments) {
    Path directory = Path.of(arguments[0]);
    MixtralBlocks blocks = MixtralBlocks.open(directory);
    MoEBlock theirs = blocks.jlama(0);
    try (TensorFile golden = TensorFile.open(directory.resolve("golden.safetensors"));
        SessionFeedForward ours = blocks.session(0)) {
      for (int tokens : new int[] {1, 7, 33}) {
        String call = "layer0/m" + tokens;
        TensorView input = golden.require(call + "/input");
        float[] expected = golden.require(call + "/output").toFloats();
        double error = error(expected, forward(ours, input));
        System.out.printf(
            Locale.ROOT,
            "%2d tokens: off by %.0e x rms; Jlama's own block by %.2f%n",
            tokens,
            error,
            error(expected, forward(theirs, input)));
        if (!(error <= 1e-4)) {
          throw new IllegalStateException("not what transformers computes");
        }
      }
    }
  }

  static float[] forward(FeedForward block, TensorView rows) {
    int tokens = (int) rows.shape().dimension(0);
    int hidden = (int) rows.shape().dimension(1);
    try (AbstractTensor input = new FloatBufferTensor(tokens, hidden)) {
      input.getMemorySegment().copyFrom(rows.data());
      try (AbstractTensor output = block.forward(input, Optional.empty())) {
        float[] values = new float[tokens * hidden];
        MemorySegment.ofArray(values).copyFrom(output.getMemorySegment());
        return values;
      }
    }
  }

  /// The largest error over the rms of what is expected.
  static double error(float[] expected, float[] found) {
    double worst = 0;
    double squares = 0;
    for (int i = 0; i < expected.length; i++) {
      worst = Math.max(worst, Math.abs(expected[i] - found[i]));
      squares += (double) expected[i] * expected[i];
    }
    return worst / Math.sqrt(squares / expected.length);
  }
}
