package dev.tornadomoe.layer.family;

import dev.tornadomoe.layer.Activation;
import java.util.function.IntFunction;

/// What stands between the projections of a model's experts, layer by layer.
///
/// @param experts of the routed experts, by the layer's index
/// @param shared of the shared expert, by the layer's index
public record LayerActivations(IntFunction<Activation> experts, IntFunction<Activation> shared) {

  /// {@return one activation for all experts of all layers}
  ///
  /// @param activation of routed and shared experts
  public static LayerActivations same(Activation activation) {
    return of(activation, activation);
  }

  /// {@return the same two activations in all layers}
  ///
  /// @param experts of the routed experts
  /// @param shared of the shared expert
  public static LayerActivations of(Activation experts, Activation shared) {
    return new LayerActivations(layer -> experts, layer -> shared);
  }
}
