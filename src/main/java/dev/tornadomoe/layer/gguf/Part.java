package dev.tornadomoe.layer.gguf;

/// What a block of an [Architecture] may have beside its router and experts, or does in its own
/// way.
enum Part {
  /// Scores as `expert_gating_func` says, if it is there.
  GATE_KEY,
  /// Weights are multiplied by `expert_weights_scale`, if it is there.
  SCALE_KEY,
  /// The shared expert's result is multiplied by a sigmoid.
  SHARED_GATE,
  /// A block with a shared expert returns the average of its and the routed experts' results.
  SHARED_AVERAGED,
  /// The shared expert's `ffn_up_shexp` has its gates in it, before the rest.
  SHARED_GATE_UP,
  /// There may be an `exp_probs_b`.
  CORRECTION,
  /// There must be one.
  REQUIRED_CORRECTION,
  /// With `moe_latent_size` the experts get rows of that size, between `ffn_latent_down` and
  /// `ffn_latent_up`.
  LATENT,
  /// The router and each projection of the experts have a bias.
  BIASES,
  WEIGHT_ON_INPUT,
  /// What the layer gets has come through a norm of its own, `ffn_norm_exps`.
  CALLERS_NORM,
  /// The first `hash_layer_count` blocks have a token's experts in a table, and no `exp_probs_b`.
  TABLES,
  /// There may be an `exp_probs_b_vl`, by which tokens of images choose, never by the table: they
  /// are the model's part `vision`.
  IMAGE_CORRECTION,
  /// Norm, scale and limits must be said.
  REQUIRED_KEYS,
  /// The last blocks predict further tokens only where the first of them has `nextn.eh_proj`: other
  /// files count blocks that they don't have.
  PREDICTION_IF_STORED,
  /// Router and experts have a norm each: the layer gets what comes before any.
  OWN_NORMS,
  /// The weights of the chosen may be multiplied by `ffn_down_exps.scale`.
  EXPERT_SCALES,
  /// gpt-oss's SwiGLU with its limit, in the shared expert as well.
  CLAMPED_SWIGLU,
  /// The routed experts' SwiGLU may have a limit (`swiglu_clamp_exp`), in some blocks or all.
  LIMITS,
  /// Without `swiglu_clamp_exp` that limit is 7.
  LIMITED_IF_ABSENT,
  /// So may the shared expert's (`swiglu_clamp_shexp`).
  SHARED_LIMITS,
  /// Without `swiglu_clamp_shexp` the shared expert has the routed ones' limit.
  SAME_LIMITS,
  /// Such limits hold for the gate before SiLU, not after it.
  LIMITED_BEFORE_SILU,
  /// Its approximation by tanh, in place of SiLU.
  GELU,
  /// Experts without gates, their activation the square of a ReLU.
  SQUARED_RELU
}
