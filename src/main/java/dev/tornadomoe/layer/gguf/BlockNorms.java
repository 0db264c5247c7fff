package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.layer.WeightedNorm;
import java.util.Locale;

/// The norms inside a block of gemma4, whose router and experts both read the residual stream
/// ([gemma4.cpp](https://github.com/ggml-org/llama.cpp/blob/master/src/models/gemma4.cpp),
/// `graph`): the router behind `ffn_gate_inp.scale / sqrt(H)`, the experts behind `pre_ffw_norm_2`.
/// The norms that follow (`post_ffw_norm_2` and so on) belong to whoever adds the dense MLP's
/// result.
record BlockNorms(BlockReader block) {
  private static final String EPSILON = "attention.layer_norm_rms_epsilon";

  /// The norms, or none.
  ///
  /// @throws dev.tornadomoe.MoeException when a norm or its epsilon is missing
  OwnNorms read(boolean has) {
    if (!has) {
      return OwnNorms.NONE;
    }
    float epsilon = (float) block.metadata().numberOr(0, EPSILON);
    if (epsilon == 0) {
      throw new LayerException(
          String.format(Locale.ROOT, "no \"%s.%s\"", block.metadata().architecture(), EPSILON));
    }
    RmsNorm norm = new RmsNorm(epsilon);
    float ofHidden = (float) (1 / Math.sqrt(block.hidden()));
    return new OwnNorms(
        weighted(norm, "ffn_gate_inp.scale", ofHidden),
        weighted(norm, "pre_ffw_norm_2.weight", 1),
        null);
  }

  private WeightedNorm weighted(RmsNorm norm, String tensor, float scale) {
    return new WeightedNorm(
        norm, block.checkpoint().require(block.use(tensor), block.hidden()), scale);
  }
}
