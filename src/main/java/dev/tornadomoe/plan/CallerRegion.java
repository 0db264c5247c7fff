package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Operand;

/// The parts of memory that a caller brings with a call. In place, the hidden states are in
/// [#OUTPUT] too.
public enum CallerRegion {
  /// The hidden states `[M, H]`.
  HIDDEN(Operand.HIDDEN),
  /// The result `[M, H]`.
  OUTPUT(Operand.OUTPUT),
  /// Rows `[M, H]` that are added to the result.
  RESIDUAL(Operand.RESIDUAL),
  /// The experts that the caller chose, I32 `[M, k]`.
  TOPK_IDS(Operand.TOPK_IDS),
  /// Their weights, F32 `[M, k]`.
  TOPK_WEIGHTS(Operand.TOPK_WEIGHTS);

  private final String text;

  CallerRegion(Operand operand) {
    this.text = operand.name();
  }

  /// As the operand that it is called by: `topk_ids`.
  @Override
  public String toString() {
    return text;
  }
}
