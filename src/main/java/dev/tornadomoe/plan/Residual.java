package dev.tornadomoe.plan;

/// Whether `output = residual + moe(hidden)`, and where the residual is.
public enum Residual {
  /// nothing is added
  NONE,
  /// the caller gives rows of their own
  GIVEN,
  /// the output holds them when the call begins
  IN_OUTPUT
}
