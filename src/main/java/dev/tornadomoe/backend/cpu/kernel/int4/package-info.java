/// Kernels over repacked 4-bit weights, exact and fast, scalar and on vectors.
@NullMarked
package dev.tornadomoe.backend.cpu.kernel.int4;

import org.jspecify.annotations.NullMarked;
