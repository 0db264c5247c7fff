/// How quantised weights are stored: one class for each method that a checkpoint's
/// `quantization_config` may name.
@NullMarked
package dev.tornadomoe.checkpoint.quant;

import org.jspecify.annotations.NullMarked;
