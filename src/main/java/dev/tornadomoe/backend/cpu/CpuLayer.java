package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.cpu.step.CpuLinear;
import dev.tornadomoe.backend.cpu.step.CpuMlp;
import dev.tornadomoe.backend.cpu.step.Projection;
import dev.tornadomoe.plan.Precision;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One layer's weights, ready to compute with, in one precision.
///
/// @param router or null where the caller routes
/// @param experts by local index
/// @param gateUps the experts' first halves
/// @param downs the experts' second halves
/// @param shared the shared expert, or null
/// @param sharedGate `[1, H]`, or null
/// @param latentIn `[Z, H]`, or null
/// @param latentOut `[H, Z]`, or null
record CpuLayer(
    @Nullable CpuRouter router,
    List<CpuMlp> experts,
    List<Projection> gateUps,
    List<Projection> downs,
    @Nullable CpuMlp shared,
    @Nullable CpuLinear sharedGate,
    @Nullable CpuLinear latentIn,
    @Nullable CpuLinear latentOut) {

  static CpuLayer of(
      @Nullable CpuRouter router,
      List<CpuMlp> experts,
      @Nullable CpuMlp shared,
      @Nullable CpuLinear sharedGate,
      @Nullable CpuLinear latentIn,
      @Nullable CpuLinear latentOut) {
    return new CpuLayer(
        router,
        experts,
        experts.stream().map(CpuMlp::gateUp).toList(),
        experts.stream().map(expert -> Projection.of(expert.down())).toList(),
        shared,
        sharedGate,
        latentIn,
        latentOut);
  }

  /// The same layer with its experts in a precision. Routers stay as they are.
  CpuLayer at(Precision precision) {
    return precision == Precision.EXACT
        ? this
        : of(
            router,
            experts.stream().map(expert -> expert.at(precision)).toList(),
            shared == null ? null : shared.at(precision),
            sharedGate,
            latentIn == null ? null : latentIn.at(precision),
            latentOut == null ? null : latentOut.at(precision));
  }
}
