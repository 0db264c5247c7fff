/// Activations as kernels want them, and the matrices that multiply them.
@NullMarked
package dev.tornadomoe.backend.cpu.kernel.rows;

import org.jspecify.annotations.NullMarked;
