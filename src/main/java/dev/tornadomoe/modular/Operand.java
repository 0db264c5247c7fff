package dev.tornadomoe.modular;

/// A name for memory that operations of one layer read and write. The planner decides which buffer
/// stands behind it; two operands may turn out to be the same buffer.
///
/// @param name as plans print it
public record Operand(String name) {
  /// Hidden states `[M, H]`, the caller's.
  public static final Operand HIDDEN = new Operand("hidden");

  /// The layer's result `[M, H]`, the caller's.
  public static final Operand OUTPUT = new Operand("output");

  /// What is added to the result `[M, H]`, the caller's.
  public static final Operand RESIDUAL = new Operand("residual");

  /// Weights of the norm that follows the layer `[H]`, the caller's.
  public static final Operand NORM_WEIGHTS = new Operand("norm_weights");

  /// The result's rows after that norm `[M, H]`, the caller's.
  public static final Operand NORMED = new Operand("normed");

  /// Ids of the tokens `[M]`, I32, the caller's, where a layer chooses experts by them.
  public static final Operand TOKEN_IDS = new Operand("token_ids");

  /// What routers hand on from layer to layer `[M, R]`, the caller's, where they do.
  public static final Operand ROUTER_STATES = new Operand("router_states");

  /// Router logits `[M, E]`.
  public static final Operand ROUTER_LOGITS = new Operand("router_logits");

  /// Chosen experts `[M, k]`, I32; the caller's when the caller routes, or sums.
  public static final Operand TOPK_IDS = new Operand("topk_ids");

  /// Their weights `[M, k]`; the caller's when the caller routes, or sums.
  public static final Operand TOPK_WEIGHTS = new Operand("topk_weights");

  /// Hidden states as F32 `[M, H]`, where the caller's have another type.
  public static final Operand HIDDEN_F32 = new Operand("hidden_f32");

  /// Hidden states after the layer's own norm before the router `[M, H]`.
  public static final Operand ROUTER_INPUT = new Operand("router_input");

  /// A router's rows on their way through its MLP `[M, R]`.
  public static final Operand ROUTER_ROWS = new Operand("router_rows");

  /// The same behind every second of its layers `[M, R]`.
  public static final Operand ROUTER_HIDDEN = new Operand("router_hidden");

  /// Hidden states after the layer's own norm before the experts `[M, H]`.
  public static final Operand EXPERTS_INPUT = new Operand("experts_input");

  /// Hidden states times router weight `[M, H]`, where that is applied to the input.
  public static final Operand WEIGHTED_HIDDEN = new Operand("weighted_hidden");

  /// Hidden states in the experts' own size `[M, Z]`, where that is not H.
  public static final Operand LATENT_HIDDEN = new Operand("latent_hidden");

  /// The experts' sum in that size `[M, Z]`, where finalize makes it.
  public static final Operand LATENT_OUT = new Operand("latent_out");

  /// What the experts write: `[M, H]`, `[M*k, H]` or `[E, T, H]`.
  public static final Operand FUSED_OUT = new Operand("fused_out");

  /// A private result `[M, H]` that is copied to the output last.
  public static final Operand STAGED_OUT = new Operand("staged_out");

  /// The shared expert's activated rows `[M, shared I]`.
  public static final Operand SHARED_ACTIVATED = new Operand("shared_activated");

  /// The shared expert's result `[M, H]`.
  public static final Operand SHARED_OUT = new Operand("shared_out");

  /// What experts that return their input contribute `[M, H]`.
  public static final Operand IDENTITY_OUT = new Operand("identity_out");

  /// Tokens' rows at their experts `[E, T, H]`, in the batched format.
  public static final Operand DISPATCHED = new Operand("dispatched");

  /// Valid rows of each expert `[E]`, I32, in the batched format.
  public static final Operand DISPATCH_COUNTS = new Operand("dispatch_counts");

  /// The row of its expert that each pair went to `[M*k]`, I32, in the batched format.
  public static final Operand DISPATCH_ROWS = new Operand("dispatch_rows");

  @Override
  public String toString() {
    return name;
  }
}
