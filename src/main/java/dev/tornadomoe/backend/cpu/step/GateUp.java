package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.kernel.rows.KernelNeeds;
import dev.tornadomoe.layer.Activation;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// `activation(gate x) * up x`, a tile of both at a time, or `activation(up x)` without a gate: an
/// expert's first half, and a hidden layer of a router.
///
/// @param gate `[I, H]`, or null
/// @param up `[I, H]`
/// @param activation behind them
/// @param kernels what computes it
public record GateUp(
    @Nullable CpuLinear gate, CpuLinear up, Activation activation, CpuKernels kernels)
    implements Projection {

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
        activation, gate == null ? null : scratch.gate, scratch.result, scratch.tokens() * yStride);
  }
}
