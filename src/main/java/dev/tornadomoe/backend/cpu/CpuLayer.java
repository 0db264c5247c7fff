package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.plan.Precision;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One layer's weights, ready to compute with.
///
/// @param router `[E, H]`, or null where the caller routes
/// @param experts by local index
/// @param shared the shared expert, or null
/// @param sharedGate `[1, H]`, or null
record CpuLayer(
    @Nullable CpuLinear router,
    List<CpuMlp> experts,
    @Nullable CpuMlp shared,
    @Nullable CpuLinear sharedGate) {

  /// The same layer with its experts in a precision. Routers stay exact: another expert is no
  /// rounding error.
  CpuLayer at(Precision precision) {
    return new CpuLayer(
        router,
        experts.stream().map(expert -> expert.at(precision)).toList(),
        shared == null ? null : shared.at(precision),
        sharedGate);
  }
}
