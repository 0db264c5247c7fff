package dev.tornadomoe.parallel.mpi;

import dev.tornadomoe.parallel.ParallelException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// What the MPI standard leaves to each `mpi.h`. Handles are `long` here, whatever they are there.
///
/// @param name of the MPI
/// @param handle how it passes handles: pointers or numbers
/// @param world `MPI_COMM_WORLD`
/// @param bytes `MPI_BYTE`
/// @param errorsReturn `MPI_ERRORS_RETURN`
/// @param tagOffset where `MPI_TAG` is in `MPI_Status`
record MpiAbi(
    String name, ValueLayout handle, long world, long bytes, long errorsReturn, long tagOffset) {
  /// `MPI_SUCCESS`, `MPI_BOTTOM` and `MPI_THREAD_SERIALIZED`: the same in all of them.
  static final int SUCCESS = 0;

  static final long BOTTOM = 0;
  static final int THREAD_SERIALIZED = 2;

  /// `MPI_ANY_TAG`, also the same.
  static final int ANY_TAG = -1;

  /// At least `sizeof(MPI_Status)`: 24 bytes in Open MPI, 20 in MPICH. What is in it is asked
  /// through functions, but for the tag, for which there is none.
  static final long STATUS_BYTES = 64;

  /// Tells handles from other numbers in a function's description.
  private static final String HANDLE = "handle";

  /// Of a library.
  ///
  /// @param version what `MPI_Get_library_version` says
  /// @throws ParallelException for one that isn't known
  static MpiAbi of(NativeLibrary library, String version) {
    if (version.startsWith("Open MPI")) {
      return openMpi(library);
    }
    if (version.startsWith("MPICH")) {
      return mpich();
    }
    throw new ParallelException(
        library.name()
            + (" is \"" + MpiLibrary.firstLine(version) + "\"")
            + "; expected Open MPI or MPICH");
  }

  /// Handles are addresses of the library's variables.
  private static MpiAbi openMpi(NativeLibrary library) {
    return new MpiAbi(
        "Open MPI",
        ValueLayout.JAVA_LONG.withName(HANDLE),
        library.address("ompi_mpi_comm_world"),
        library.address("ompi_mpi_byte"),
        library.address("ompi_mpi_errors_return"),
        Integer.BYTES);
  }

  /// Handles are numbers, the same since 3.1: <https://www.mpich.org/abi/>.
  private static MpiAbi mpich() {
    return new MpiAbi(
        "MPICH",
        ValueLayout.JAVA_INT.withName(HANDLE),
        0x44000000,
        0x4c00010d,
        0x54000001,
        3 * Integer.BYTES);
  }

  /// Reads the handle that a function has written.
  long read(MemorySegment handle) {
    return this.handle.byteSize() == Integer.BYTES
        ? handle.get(ValueLayout.JAVA_INT, 0)
        : handle.get(ValueLayout.JAVA_LONG, 0);
  }
}
