package dev.tornadomoe.backend.cpu.kernel;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;

import dev.tornadomoe.layer.Activation;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;

/// [ScalarMath]'s activations on vectors, operation by operation, so that both give the same bits.
///
/// Every loop is one method without helpers: a vector that comes out of a method that the compiler
/// does not inline, or out of a branch that it can't decide, becomes an object.
public final class VectorActivation {
  private VectorActivation() {}

  /// See `CpuKernels.activate`; `gate` is changed too.
  public static void apply(Activation activation, float @Nullable [] gate, float[] up, int count) {
    float[] x = gate == null ? up : gate;
    int vectors = FLOAT.loopBound(count);
    int done =
        switch (activation.function()) {
          case SILU, SWIGLU_STEP -> {
            timesSigmoid(x, Float.POSITIVE_INFINITY, 1f, vectors);
            yield vectors;
          }
          case SWIGLU_OAI -> {
            timesSigmoid(x, activation.limit(), activation.alpha(), vectors);
            yield vectors;
          }
          case SWIGLU_CLAMPED -> {
            timesSigmoid(x, activation.limit(), 1f, vectors);
            yield vectors;
          }
          case RELU -> {
            relu(x, vectors);
            yield vectors;
          }
          case RELU_SQUARED -> {
            reluSquared(x, vectors);
            yield vectors;
          }
          // Few models use them.
          case GELU, GELU_TANH -> 0;
        };
    for (int i = done; i < count; i++) {
      x[i] = ScalarMath.activate(activation, x[i]);
    }
    if (activation.function() == Activation.Function.SWIGLU_STEP) {
      holdBelow(x, activation.limit(), vectors);
    }
    if (gate == null) {
      return;
    }
    switch (activation.function()) {
      case SWIGLU_OAI -> clampAndMultiply(gate, up, activation.limit(), 1f, vectors);
      case SWIGLU_CLAMPED, SWIGLU_STEP ->
          clampAndMultiply(gate, up, activation.limit(), 0f, vectors);
      case SILU, GELU, GELU_TANH, RELU, RELU_SQUARED -> multiply(gate, up, vectors);
    }
    for (int i = vectors; i < count; i++) {
      up[i] = gate[i] * ScalarMath.gated(activation, up[i]);
    }
  }

  /// `c * sigmoid(alpha * c)` with c = min(x, limit). See [ScalarMath#exp] for the exponential.
  private static void timesSigmoid(float[] values, float limit, float alpha, int count) {
    for (int i = 0; i < count; i += LANES) {
      FloatVector c = FloatVector.fromArray(FLOAT, values, i).min(limit);
      FloatVector x = c.mul(alpha).neg().min(ScalarMath.MAX_EXPONENT).max(ScalarMath.MIN_EXPONENT);
      FloatVector n = x.mul(ScalarMath.LOG2_E).add(ScalarMath.ROUNDER).sub(ScalarMath.ROUNDER);
      FloatVector r = n.fma(FloatVector.broadcast(FLOAT, -ScalarMath.LN2_HIGH), x);
      r = n.fma(FloatVector.broadcast(FLOAT, -ScalarMath.LN2_LOW), r);
      FloatVector p =
          r.fma(
              FloatVector.broadcast(FLOAT, ScalarMath.C0),
              FloatVector.broadcast(FLOAT, ScalarMath.C1));
      p = p.fma(r, FloatVector.broadcast(FLOAT, ScalarMath.C2));
      p = p.fma(r, FloatVector.broadcast(FLOAT, ScalarMath.C3));
      p = p.fma(r, FloatVector.broadcast(FLOAT, ScalarMath.C4));
      p = p.fma(r, FloatVector.broadcast(FLOAT, ScalarMath.C5));
      IntVector exponent =
          ((IntVector) n.convert(VectorOperators.F2I, 0))
              .add(127)
              .lanewise(VectorOperators.LSHL, 23);
      FloatVector exp = p.fma(r.mul(r), r).add(1f).mul(exponent.reinterpretAsFloats());
      c.div(exp.add(1f)).intoArray(values, i);
    }
  }

  private static void relu(float[] x, int count) {
    for (int i = 0; i < count; i += LANES) {
      FloatVector.fromArray(FLOAT, x, i).max(0f).intoArray(x, i);
    }
  }

  private static void reluSquared(float[] x, int count) {
    for (int i = 0; i < count; i += LANES) {
      FloatVector v = FloatVector.fromArray(FLOAT, x, i).max(0f);
      v.mul(v).intoArray(x, i);
    }
  }

  private static void multiply(float[] gate, float[] up, int count) {
    for (int i = 0; i < count; i += LANES) {
      FloatVector.fromArray(FLOAT, gate, i)
          .mul(FloatVector.fromArray(FLOAT, up, i))
          .intoArray(up, i);
    }
  }

  private static void holdBelow(float[] x, float limit, int count) {
    for (int i = 0; i < count; i += LANES) {
      FloatVector.fromArray(FLOAT, x, i).min(limit).intoArray(x, i);
    }
  }

  /// `gate * (clamp(up) + offset)`.
  private static void clampAndMultiply(
      float[] gate, float[] up, float limit, float offset, int count) {
    for (int i = 0; i < count; i += LANES) {
      FloatVector clamped = FloatVector.fromArray(FLOAT, up, i).min(limit).max(-limit).add(offset);
      FloatVector.fromArray(FLOAT, gate, i).mul(clamped).intoArray(up, i);
    }
  }
}
