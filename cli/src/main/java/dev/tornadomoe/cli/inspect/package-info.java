/// `moe inspect`: what a checkpoint holds.
@NullMarked
package dev.tornadomoe.cli.inspect;

import org.jspecify.annotations.NullMarked;
