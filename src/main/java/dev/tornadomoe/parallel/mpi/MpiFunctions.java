package dev.tornadomoe.parallel.mpi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.tornadomoe.parallel.ParallelException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/// The functions of MPI that are used here. Handles are `long` (see [MpiAbi]), and so are the
/// addresses of what is sent and received: a call allocates nothing. What goes wrong is a
/// [ParallelException] with MPI's own words.
final class MpiFunctions {
  /// An address as a number.
  private static final ValueLayout RAW = JAVA_LONG;

  /// MPICH's `MPI_MAX_ERROR_STRING`; Open MPI's is 256.
  private static final long ERROR_BYTES = 512;

  private final MethodHandle initThread;
  private final MethodHandle finish;
  private final MethodHandle commDup;
  private final MethodHandle commSetErrhandler;
  private final MethodHandle commRank;
  private final MethodHandle commSize;
  private final MethodHandle ibarrier;
  private final MethodHandle isend;
  private final MethodHandle improbe;
  private final MethodHandle getCount;
  private final MethodHandle imrecv;
  private final MethodHandle test;
  private final MethodHandle createHindexed;
  private final MethodHandle typeCommit;
  private final MethodHandle typeFree;
  private final MethodHandle errorString;

  MpiFunctions(NativeLibrary mpi, MpiAbi abi) {
    ValueLayout handle = abi.handle();
    initThread = mpi.function("MPI_Init_thread", RAW, RAW, JAVA_INT, ADDRESS);
    finish = mpi.function("MPI_Finalize");
    commDup = of(mpi, "MPI_Comm_dup", handle, ADDRESS);
    commSetErrhandler = of(mpi, "MPI_Comm_set_errhandler", handle, handle);
    commRank = of(mpi, "MPI_Comm_rank", handle, ADDRESS);
    commSize = of(mpi, "MPI_Comm_size", handle, ADDRESS);
    ibarrier = of(mpi, "MPI_Ibarrier", handle, ADDRESS);
    isend = of(mpi, "MPI_Isend", RAW, JAVA_INT, handle, JAVA_INT, JAVA_INT, handle, ADDRESS);
    improbe = of(mpi, "MPI_Improbe", JAVA_INT, JAVA_INT, handle, ADDRESS, ADDRESS, ADDRESS);
    getCount = of(mpi, "MPI_Get_count", ADDRESS, handle, ADDRESS);
    imrecv = of(mpi, "MPI_Imrecv", RAW, JAVA_INT, handle, ADDRESS, ADDRESS);
    test = of(mpi, "MPI_Test", ADDRESS, ADDRESS, ADDRESS);
    createHindexed =
        of(mpi, "MPI_Type_create_hindexed", JAVA_INT, ADDRESS, ADDRESS, handle, ADDRESS);
    typeCommit = of(mpi, "MPI_Type_commit", ADDRESS);
    typeFree = of(mpi, "MPI_Type_free", ADDRESS);
    errorString = of(mpi, "MPI_Error_string", JAVA_INT, ADDRESS, ADDRESS);
  }

  /// A function whose handles are `long` for Java.
  private static MethodHandle of(NativeLibrary mpi, String name, MemoryLayout... arguments) {
    MethodHandle function = mpi.function(name, arguments);
    MethodType type = function.type();
    for (int i = 0; i < arguments.length; i++) {
      if (arguments[i].name().isPresent()) {
        type = type.changeParameterType(i, long.class);
      }
    }
    return MethodHandles.explicitCastArguments(function, type);
  }

  /// Starts MPI.
  ///
  /// @param provided gets the level of threads that is allowed
  void initThread(int required, MemorySegment provided) {
    try {
      check("MPI_Init_thread", (int) initThread.invokeExact(0L, 0L, required, provided));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  void finish() {
    try {
      check("MPI_Finalize", (int) finish.invokeExact());
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  void commDup(long communicator, MemorySegment copy) {
    try {
      check("MPI_Comm_dup", (int) commDup.invokeExact(communicator, copy));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  void commSetErrhandler(long communicator, long handler) {
    try {
      check("MPI_Comm_set_errhandler", (int) commSetErrhandler.invokeExact(communicator, handler));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  void commRank(long communicator, MemorySegment rank) {
    try {
      check("MPI_Comm_rank", (int) commRank.invokeExact(communicator, rank));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  void commSize(long communicator, MemorySegment size) {
    try {
      check("MPI_Comm_size", (int) commSize.invokeExact(communicator, size));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  void ibarrier(long communicator, MemorySegment request) {
    try {
      check("MPI_Ibarrier", (int) ibarrier.invokeExact(communicator, request));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  void isend(
      long from,
      int count,
      long type,
      int rank,
      int tag,
      long communicator,
      MemorySegment request) {
    try {
      check(
          "MPI_Isend",
          (int) isend.invokeExact(from, count, type, rank, tag, communicator, request));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  /// Looks for a message.
  ///
  /// @param found gets 0 where there is none yet
  void improbe(
      int rank,
      int tag,
      long communicator,
      MemorySegment found,
      MemorySegment message,
      MemorySegment status) {
    try {
      check(
          "MPI_Improbe",
          (int) improbe.invokeExact(rank, tag, communicator, found, message, status));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  void getCount(MemorySegment status, long type, MemorySegment count) {
    try {
      check("MPI_Get_count", (int) getCount.invokeExact(status, type, count));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  void imrecv(long into, int count, long type, MemorySegment message, MemorySegment request) {
    try {
      check("MPI_Imrecv", (int) imrecv.invokeExact(into, count, type, message, request));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  /// Looks whether a transfer has ended.
  ///
  /// @param done gets 0 where it has not
  void test(MemorySegment request, MemorySegment done, MemorySegment status) {
    try {
      check("MPI_Test", (int) test.invokeExact(request, done, status));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  void createHindexed(
      int count, MemorySegment lengths, MemorySegment addresses, long type, MemorySegment made) {
    try {
      check(
          "MPI_Type_create_hindexed",
          (int) createHindexed.invokeExact(count, lengths, addresses, type, made));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  void typeCommit(MemorySegment type) {
    try {
      check("MPI_Type_commit", (int) typeCommit.invokeExact(type));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  /// Gives a type back; transfers that use it go on.
  void typeFree(MemorySegment type) {
    try {
      check("MPI_Type_free", (int) typeFree.invokeExact(type));
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }

  private void check(String function, int code) throws Throwable {
    if (code == MpiAbi.SUCCESS) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocate(ERROR_BYTES);
      MemorySegment length = arena.allocate(JAVA_INT);
      int ignored = (int) errorString.invokeExact(code, text, length);
      throw new ParallelException(function + " failed: " + MpiLibrary.firstLine(text.getString(0)));
    }
  }
}
