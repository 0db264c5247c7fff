/// The oracle: one plain loop per step, double accumulators, one thread. For checking, not for
/// speed.
@NullMarked
package dev.tornadomoe.backend.reference;

import org.jspecify.annotations.NullMarked;
