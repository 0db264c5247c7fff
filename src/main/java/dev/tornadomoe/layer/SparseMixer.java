package dev.tornadomoe.layer;

import java.util.Locale;

/// Phi-3.5-MoE's routing at inference
/// ([source](https://github.com/huggingface/transformers/blob/main/src/transformers/models/phimoe/modeling_phimoe.py),
/// `sparsemixer`): two experts, one after the other. Each is the highest of the logits that are
/// left; its weight is its share in a softmax over those within a relative distance of it, that is,
/// where `(max - logit) / max(|logit|, max) <= 2 * jitter`. The weights are not renormalised.
///
/// @param jitter `router_jitter_noise`
public record SparseMixer(float jitter) implements Gating {

  /// Checked numbers.
  ///
  /// @throws LayerException for a jitter that is negative or no number
  public SparseMixer {
    if (!(jitter >= 0)) {
      throw new LayerException(
          String.format(Locale.ROOT, "router jitter must be 0 or more, found %s", jitter));
    }
  }

  @Override
  public int topK() {
    return 2;
  }
}
