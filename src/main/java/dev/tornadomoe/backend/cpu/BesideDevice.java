package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.host.Arithmetic;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/// What computes beside a device.
///
/// @param arithmetic all steps but the device's
/// @param errands one of its threads, which may wait for the device, one errand after the other,
///   and is one of those that compute otherwise; null where there is but the thread that calls
/// @param threads all of them, for what is to be done while none of them computes
public record BesideDevice(
    Arithmetic arithmetic, @Nullable Executor errands, HostThreads threads) {}
