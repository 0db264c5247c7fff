package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.cpu.step.CpuLinear;
import dev.tornadomoe.backend.cpu.step.Projection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One layer's router. It is exact in every precision: another expert is no rounding error.
///
/// @param logits `[E, H]`, or `[E, R]` behind an MLP
/// @param in that MLP's first projection `[R, H]`, or null
/// @param hidden its hidden layers
record CpuRouter(CpuLinear logits, @Nullable CpuLinear in, List<Projection> hidden) {}
