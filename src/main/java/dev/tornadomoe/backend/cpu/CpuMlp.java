package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.layer.Activation;
import org.jspecify.annotations.Nullable;

/// One expert.
///
/// @param gate `[I, H]`, or null for an expert that is not gated
/// @param up `[I, H]`
/// @param down `[H, I]`
/// @param activation between them
/// @param kernels what computes it
record CpuMlp(
    @Nullable CpuLinear gate,
    CpuLinear up,
    CpuLinear down,
    Activation activation,
    CpuKernels kernels) {

  /// The first half as a projection: `activation(gate x) * up x`.
  Projection gateUp() {
    return new Projection() {
      @Override
      public int rows() {
        return up.rows();
      }

      @Override
      public int columns() {
        return up.columns();
      }

      @Override
      public int workSize() {
        int ofUp = up.matrix().workSize();
        return gate == null ? ofUp : Math.max(ofUp, gate.matrix().workSize());
      }

      @Override
      public void apply(int rowFrom, int rowTo, Scratch scratch, int tokens, int yStride) {
        up.apply(rowFrom, rowTo, scratch, tokens, scratch.result, yStride);
        if (gate != null) {
          gate.apply(rowFrom, rowTo, scratch, tokens, scratch.gate, yStride);
        }
        kernels.activate(
            activation, gate == null ? null : scratch.gate, scratch.result, tokens * yStride);
      }
    };
  }
}
