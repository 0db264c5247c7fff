/// What all kernels share: the vectors of this machine, classes copied for constants, and math that
/// both twins agree on.
@NullMarked
package dev.tornadomoe.backend.cpu.kernel;

import org.jspecify.annotations.NullMarked;
