/// Weights as device kernels read them: their layout, packing and loading.
@NullMarked
package dev.tornadomoe.tornado.weights;

import org.jspecify.annotations.NullMarked;
