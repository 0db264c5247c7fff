/// Kernels over repacked 4-bit weights, exact and fast, scalar and on vectors.
///
/// The vector kernels decode a group's scales in several places, always like this, because no
/// method there may hand a vector to another one. A word has the scales of two rows, the one of the
/// lower half of rows in its lower 16 bits. A BF16 is the upper half of an F32: `word << 16` is the
/// lower row's scale and `word & 0xFFFF0000` the upper row's. Of an F16 the same two words, shifted
/// right by 3 with their sign and masked with 0x8FFFE000, have sign, exponent and mantissa where an
/// F32 has them; times 2^112, the difference of the exponents' biases (127 - 15), they are the
/// scale. F32 scales are two loads.
@NullMarked
package dev.tornadomoe.backend.cpu.kernel.int4;

import org.jspecify.annotations.NullMarked;
