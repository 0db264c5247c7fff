/// Expert parallelism: experts divided among the ranks of a job, tokens sent to them and their
/// results combined. A [dev.tornadomoe.modular.PrepareAndFinalize] like any other; nothing else of
/// the library knows it.
@NullMarked
package dev.tornadomoe.parallel;

import org.jspecify.annotations.NullMarked;
