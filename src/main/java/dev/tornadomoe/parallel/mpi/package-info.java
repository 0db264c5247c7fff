/// [dev.tornadomoe.parallel.Communicator] over the MPI that is installed, found at run time and
/// called through Java's foreign function interface: Open MPI 4 and 5, and MPICH.
@NullMarked
package dev.tornadomoe.parallel.mpi;

import org.jspecify.annotations.NullMarked;
