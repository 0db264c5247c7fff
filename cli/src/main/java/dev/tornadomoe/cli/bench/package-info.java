/// `moe bench` and `moe tune`: layers, real or made up, measured.
@NullMarked
package dev.tornadomoe.cli.bench;

import org.jspecify.annotations.NullMarked;
