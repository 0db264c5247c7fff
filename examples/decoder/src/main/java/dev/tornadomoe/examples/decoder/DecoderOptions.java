package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;

/// How a model is loaded.
///
/// @param positions of the longest sequence, for which memory is allocated
/// @param chunk the most tokens that go through the model at once
/// @param aliasing whether experts write the residual stream themselves
public record DecoderOptions(int positions, int chunk, AliasMode aliasing) {

  /// Options in which nothing is decided silently.
  ///
  /// @param alias whether copies are refused, or all are made
  public static DecoderOptions of(int positions, int chunk, boolean alias) {
    return new DecoderOptions(
        positions, Math.min(chunk, positions), alias ? AliasMode.REQUIRE : AliasMode.OFF);
  }

  /// The plan of a model's MoE layers.
  ///
  /// @param tokens the most of a call
  public MoePlan plan(DecoderModel model, int tokens) {
    return Planner.builder()
        .maxTokens(tokens)
        .residual(Residual.IN_OUTPUT) // x = x + moe(normed)
        .outputAliasing(aliasing)
        .build()
        .plan(model.layers().stream().map(DecoderModel.Layer::moe).toList());
  }
}
