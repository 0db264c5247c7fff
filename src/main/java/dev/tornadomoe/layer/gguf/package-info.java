/// Models in GGUF files: which keys, tensor names and router an architecture stands for. No
/// arithmetic.
@NullMarked
package dev.tornadomoe.layer.gguf;

import org.jspecify.annotations.NullMarked;
