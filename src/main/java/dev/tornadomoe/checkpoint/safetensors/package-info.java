/// Safetensors files, single and sharded, read and written.
@NullMarked
package dev.tornadomoe.checkpoint.safetensors;

import org.jspecify.annotations.NullMarked;
