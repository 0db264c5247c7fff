/// The block formats of ggml, one class each.
@NullMarked
package dev.tornadomoe.tensor.block;

import org.jspecify.annotations.NullMarked;
