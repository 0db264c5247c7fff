/// A whole Qwen3-MoE model: the program's own embedding, norms, attention and sampling around the
/// library's MoE layers.
@NullMarked
package dev.tornadomoe.examples.decoder;

import org.jspecify.annotations.NullMarked;
