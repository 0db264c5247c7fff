/// The seam between steps and kernels, its twins, and which one this machine gets.
@NullMarked
package dev.tornadomoe.backend.cpu.kernel.choice;

import org.jspecify.annotations.NullMarked;
