/// GGUF files, whole and split: their values, their tensors, and these as weights.
@NullMarked
package dev.tornadomoe.checkpoint.gguf;

import org.jspecify.annotations.NullMarked;
