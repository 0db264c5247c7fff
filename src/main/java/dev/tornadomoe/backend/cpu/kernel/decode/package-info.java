/// Kernels over weights that are decoded row by row.
@NullMarked
package dev.tornadomoe.backend.cpu.kernel.decode;

import org.jspecify.annotations.NullMarked;
