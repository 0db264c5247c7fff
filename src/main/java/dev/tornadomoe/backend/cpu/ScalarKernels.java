package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.tensor.DenseMatrix;
import org.jspecify.annotations.Nullable;

/// The twin that runs on any JVM.
final class ScalarKernels implements CpuKernels {

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public CpuMatrix dense(DenseMatrix matrix) {
    return new ScalarDense(matrix);
  }

  @Override
  public CpuMatrix int4(Int4Blocks blocks) {
    return new ScalarInt4(blocks);
  }

  @Override
  public void activate(
      Activation activation, float @Nullable [] gate, float[] up, int count) {
    for (int i = 0; i < count; i++) {
      up[i] =
          gate == null
              ? ScalarMath.activate(activation, up[i])
              : ScalarMath.activate(activation, gate[i]) * ScalarMath.gated(activation, up[i]);
    }
  }

  @Override
  public void addScaled(float factor, float[] values, int at, float[] sum, int count) {
    for (int i = 0; i < count; i++) {
      sum[i] = Math.fma(factor, values[at + i], sum[i]);
    }
  }
}
