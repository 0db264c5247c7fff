/// The embedded CPU backend: weights stay in their 4 or 16 bits and are decoded in registers, sums
/// are in F32 in an order that does not depend on the number of threads.
@NullMarked
package dev.tornadomoe.backend.cpu;

import org.jspecify.annotations.NullMarked;
