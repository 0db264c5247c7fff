package dev.tornadomoe.plan;

/// Whether `fused_out` may be the caller's output.
public enum AliasMode {
  /// wherever it is legal; refusals are explained and cost a copy
  AUTO,
  /// everywhere; a refusal is an error
  REQUIRE,
  /// nowhere
  OFF
}
