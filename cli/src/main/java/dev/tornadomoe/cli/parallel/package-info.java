/// One process or the ranks of an MPI job, and the options that choose how they divide the work.
@NullMarked
package dev.tornadomoe.cli.parallel;

import org.jspecify.annotations.NullMarked;
