package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.kernel.rows.KernelNeeds;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.plan.Precision;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One expert.
///
/// @param gate `[I, H]`, or null for an expert that is not gated
/// @param up `[I, H]`
/// @param down `[H, I]`
/// @param activation between them
/// @param kernels what computes it
public record CpuMlp(
    @Nullable CpuLinear gate,
    CpuLinear up,
    CpuLinear down,
    Activation activation,
    CpuKernels kernels) {

  /// The same expert in a precision.
  public CpuMlp at(Precision precision) {
    return new CpuMlp(
        gate == null ? null : gate.at(precision),
        up.at(precision),
        down.at(precision),
        activation,
        kernels);
  }

  /// The first half as a projection: `activation(gate x) * up x`, a tile of both at a time.
  public Projection gateUp() {
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
      public List<KernelNeeds> needs() {
        return gate == null ? List.of(up.needs()) : List.of(up.needs(), gate.needs());
      }

      @Override
      public boolean isGated() {
        return gate != null;
      }

      @Override
      public void apply(int rowFrom, int rowTo, Scratch scratch, int yStride) {
        up.apply(rowFrom, rowTo, scratch, scratch.result, yStride);
        if (gate != null) {
          gate.apply(rowFrom, rowTo, scratch, scratch.gate, yStride);
        }
        kernels.activate(
            activation,
            gate == null ? null : scratch.gate,
            scratch.result,
            scratch.tokens() * yStride);
      }
    };
  }
}
