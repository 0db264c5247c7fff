package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.tornado.kernel.Activations;
import dev.tornadomoe.tornado.kernel.Flags;

/// The experts' activation, as kernels take it.
///
/// @param flags of the function, and whether there is a gate
/// @param limit of the function's input
/// @param alpha of the function
record KernelActivation(int flags, float limit, float alpha) {
  static KernelActivation of(MoeLayer layer) {
    return of(layer.experts().activation(), layer.experts().isGated());
  }

  /// Of a shared expert that is in arrays by itself.
  static KernelActivation ofShared(MoeLayer layer) {
    SharedExperts shared = layer.shared();
    return shared == null
        ? of(layer)
        : of(shared.activation(layer.experts()), shared.mlp().isGated());
  }

  private static KernelActivation of(Activation activation, boolean isGated) {
    return new KernelActivation(
        (isGated ? Flags.GATED : 0) | flags(activation.function()),
        // An infinity can't be a constant of a kernel.
        Math.min(activation.limit(), Float.MAX_VALUE),
        activation.alpha());
  }

  /// Of the function alone.
  static int flags(Activation.Function function) {
    return number(function) << Flags.FUNCTION_SHIFT;
  }

  private static int number(Activation.Function function) {
    return switch (function) {
      case SILU -> Activations.SILU;
      case GELU -> Activations.GELU;
      case GELU_TANH -> Activations.GELU_TANH;
      case RELU -> Activations.RELU;
      case RELU_SQUARED -> Activations.RELU_SQUARED;
      case SWIGLU_OAI -> Activations.SWIGLU_OAI;
      case SWIGLU_CLAMPED -> Activations.SWIGLU_CLAMPED;
      case SWIGLU_STEP -> Activations.SWIGLU_STEP;
    };
  }
}
