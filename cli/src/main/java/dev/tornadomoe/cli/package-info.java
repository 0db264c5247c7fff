/// The `moe` command.
@NullMarked
package dev.tornadomoe.cli;

import org.jspecify.annotations.NullMarked;
