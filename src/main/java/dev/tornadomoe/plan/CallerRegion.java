package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Operand;

/// The parts of memory that a caller brings with a call. In place, the hidden states are in
/// [#OUTPUT] too.
public enum CallerRegion {
  HIDDEN(Operand.HIDDEN),
  OUTPUT(Operand.OUTPUT),
  RESIDUAL(Operand.RESIDUAL),
  TOPK_IDS(Operand.TOPK_IDS),
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
