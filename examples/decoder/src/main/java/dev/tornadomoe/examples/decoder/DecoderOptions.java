package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;

/// How a model is loaded.
///
/// @param positions of the longest sequence, for which memory is allocated
/// @param chunk the most tokens that go through the model at once
/// @param alias whether experts write the residual stream themselves: copies are refused then, and
///   otherwise all are made, so that nothing is decided silently
public record DecoderOptions(int positions, int chunk, boolean alias) {

  /// The plan of a model's MoE layers.
  ///
  /// @param tokens the most of a call
  public MoePlan plan(DecoderModel model, int tokens) {
    return Planner.builder()
        .maxTokens(tokens)
        .residual(Residual.IN_OUTPUT) // x = x + moe(normed)
        .outputAliasing(alias ? AliasMode.REQUIRE : AliasMode.OFF)
        .build()
        .plan(model.layers().stream().map(DecoderModel.Layer::moe).toList());
  }
}
