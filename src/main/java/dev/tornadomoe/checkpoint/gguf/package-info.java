/// GGUF files, whole and split: their metadata, their tensors, and these as weights.
@NullMarked
package dev.tornadomoe.checkpoint.gguf;

import org.jspecify.annotations.NullMarked;
