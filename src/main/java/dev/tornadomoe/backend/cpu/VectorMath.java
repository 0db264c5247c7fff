package dev.tornadomoe.backend.cpu;

import static dev.tornadomoe.backend.cpu.Species.FLOAT;

import dev.tornadomoe.layer.Activation;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// [ScalarMath] on vectors, operation by operation, so that both give the same bits.
final class VectorMath {
  private VectorMath() {}

  static FloatVector exp(FloatVector x) {
    FloatVector clamped = x.min(ScalarMath.MAX_EXPONENT).max(ScalarMath.MIN_EXPONENT);
    FloatVector n = clamped.mul(ScalarMath.LOG2_E).add(ScalarMath.ROUNDER).sub(ScalarMath.ROUNDER);
    FloatVector r = n.fma(broadcast(-ScalarMath.LN2_HIGH), clamped);
    r = n.fma(broadcast(-ScalarMath.LN2_LOW), r);
    FloatVector p = r.fma(broadcast(ScalarMath.C0), broadcast(ScalarMath.C1));
    p = p.fma(r, broadcast(ScalarMath.C2));
    p = p.fma(r, broadcast(ScalarMath.C3));
    p = p.fma(r, broadcast(ScalarMath.C4));
    p = p.fma(r, broadcast(ScalarMath.C5));
    FloatVector y = p.fma(r.mul(r), r).add(1f);
    IntVector exponent =
        ((IntVector) n.convert(VectorOperators.F2I, 0)).add(127).lanewise(VectorOperators.LSHL, 23);
    return y.mul(exponent.reinterpretAsFloats());
  }

  private static FloatVector sigmoidTimes(FloatVector argument, FloatVector factor) {
    return factor.div(exp(argument.neg()).add(1f));
  }

  /// Any activation but GELU with the error function.
  static FloatVector activate(Activation activation, FloatVector x) {
    return switch (activation.function()) {
      case SILU -> sigmoidTimes(x, x);
      case GELU_TANH ->
          sigmoidTimes(
              x.mul(ScalarMath.GELU_CUBIC).mul(x).fma(x, x).mul(2f * ScalarMath.SQRT_2_OVER_PI), x);
      case RELU -> x.max(0f);
      case RELU_SQUARED -> x.max(0f).mul(x.max(0f));
      case SWIGLU_OAI -> {
        FloatVector clamped = x.min(activation.limit());
        yield sigmoidTimes(clamped.mul(activation.alpha()), clamped);
      }
      case GELU -> throw new IllegalArgumentException("the error function has no vector form");
    };
  }

  static FloatVector gated(Activation activation, FloatVector up) {
    return activation.function() == Activation.Function.SWIGLU_OAI
        ? up.min(activation.limit()).max(-activation.limit()).add(1f)
        : up;
  }

  private static FloatVector broadcast(float value) {
    return FloatVector.broadcast(FLOAT, value);
  }
}
