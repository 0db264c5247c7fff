/// Checkpoints: files on disk become named tensors and weight matrices. Knows file formats and
/// storage formats of quantised weights, and nothing of what a layer does with them.
@NullMarked
package dev.tornadomoe.checkpoint;

import org.jspecify.annotations.NullMarked;
