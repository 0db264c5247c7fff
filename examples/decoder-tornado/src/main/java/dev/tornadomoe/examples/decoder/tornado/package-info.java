/// The decoder's step on a device: its own kernels around the library's, in one execution plan.
@NullMarked
package dev.tornadomoe.examples.decoder.tornado;

import org.jspecify.annotations.NullMarked;
