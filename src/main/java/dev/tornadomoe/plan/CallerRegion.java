package dev.tornadomoe.plan;

import dev.tornadomoe.layer.TokenKey;
import dev.tornadomoe.modular.Operand;

/// The parts of memory that a caller brings with a call. In place, the hidden states are in
/// [#OUTPUT] too. [CallSpec] says which a call has, and which of them are results.
public enum CallerRegion {
  /// The hidden states `[M, H]`.
  HIDDEN(Operand.HIDDEN),
  /// The result `[M, H]`, or what the caller sums to it, `[M*k, H]`.
  OUTPUT(Operand.OUTPUT),
  /// Rows `[M, H]` that are added to the result.
  RESIDUAL(Operand.RESIDUAL),
  /// Chosen experts, I32 `[M, k]`: those of a caller that routes, or the router's for a caller that
  /// sums.
  TOPK_IDS(Operand.TOPK_IDS),
  /// Their weights, F32 `[M, k]`.
  TOPK_WEIGHTS(Operand.TOPK_WEIGHTS),
  /// Ids of the tokens, I32 `[M]`, for layers that choose experts by them.
  TOKEN_IDS(Operand.TOKEN_IDS),
  /// What routers hand on from layer to layer, F32 `[M, R]`: each leaves its own where those of the
  /// layer before were.
  ROUTER_STATES(Operand.ROUTER_STATES),
  /// Weights of the norm that follows, F32 `[H]`.
  NORM_WEIGHTS(Operand.NORM_WEIGHTS),
  /// The result's rows after that norm `[M, H]`.
  NORMED(Operand.NORMED);

  private final String text;

  CallerRegion(Operand operand) {
    this.text = operand.name();
  }

  /// {@return where a caller brings what a gating asks of each token}
  ///
  /// @param kind as [TokenKey#kind] says it
  public static CallerRegion of(TokenKey.Kind kind) {
    return switch (kind) {
      case ID -> TOKEN_IDS;
    };
  }

  /// The operand whose memory it is where nothing shares it.
  Operand operand() {
    return new Operand(text);
  }

  /// {@return whether each token has its own rows in it}
  public boolean isPerToken() {
    return this != NORM_WEIGHTS;
  }

  /// As the operand that it is called by: `topk_ids`.
  @Override
  public String toString() {
    return text;
  }
}
