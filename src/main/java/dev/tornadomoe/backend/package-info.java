/// Backends compile a plan and run it. Knows plans; knows no file format.
@NullMarked
package dev.tornadomoe.backend;

import org.jspecify.annotations.NullMarked;
