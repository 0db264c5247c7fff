package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.plan.Precision;
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

  /// The first half as a projection.
  public Projection gateUp() {
    return new GateUp(gate, up, activation, kernels);
  }
}
