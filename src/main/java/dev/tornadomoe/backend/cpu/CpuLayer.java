package dev.tornadomoe.backend.cpu;

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
    @Nullable CpuLinear sharedGate) {}
