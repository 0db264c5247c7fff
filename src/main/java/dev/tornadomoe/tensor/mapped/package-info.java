/// Files whose bytes are memory. For this library alone.
@NullMarked
package dev.tornadomoe.tensor.mapped;

import org.jspecify.annotations.NullMarked;
