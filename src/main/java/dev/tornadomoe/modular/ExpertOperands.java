package dev.tornadomoe.modular;

/// Scratch that several expert implementations use.
final class ExpertOperands {
  /// Activated rows `[P, I]` or `[E, T, I]`, between the projections.
  static final Operand ACTIVATED = new Operand("activated");

  /// Pairs sorted by expert `[P]`, I32.
  static final Operand PAIR_ORDER = new Operand("pair_order");

  /// Where each expert's pairs begin in that order `[E+1]`, I32.
  static final Operand EXPERT_OFFSETS = new Operand("expert_offsets");

  /// The experts' unweighted rows `[P, H]`.
  static final Operand EXPERT_ROWS = new Operand("expert_rows");

  private ExpertOperands() {}
}
