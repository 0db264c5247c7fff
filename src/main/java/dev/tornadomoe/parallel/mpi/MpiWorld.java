package dev.tornadomoe.parallel.mpi;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.tornadomoe.parallel.ParallelException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// MPI once it is started, which a process can do once, and a communicator of our own in it:
/// messages of other libraries stay among themselves.
///
/// @param communicator a copy of the world
record MpiWorld(MpiFunctions mpi, MpiAbi abi, long communicator, int rank, int size) {

  static MpiWorld start(MpiLibrary library, @Nullable Launcher launcher, int seconds) {
    MpiAbi abi = library.abi();
    MpiFunctions mpi = new MpiFunctions(library.library(), abi);
    MemorySegment answer = Arena.global().allocate(Long.BYTES, Long.BYTES);
    SignalHandlers handlers = SignalHandlers.current();
    String who = launcher == null ? "this process" : "rank " + launcher.rank();
    try (Watchdog _ =
        new Watchdog(
            seconds,
            who + " has waited " + seconds + " s for all ranks to start: one hangs, or is gone")) {
      mpi.initThread(MpiAbi.THREAD_SERIALIZED, answer);
      handlers.restore();
      int threads = answer.get(JAVA_INT, 0);
      mpi.commSize(abi.world(), answer);
      int size = answer.get(JAVA_INT, 0);
      refuse(library, launcher, size, threads, mpi);
      mpi.commRank(abi.world(), answer);
      int rank = answer.get(JAVA_INT, 0);
      mpi.commDup(abi.world(), answer);
      long communicator = abi.read(answer);
      mpi.commSetErrhandler(communicator, abi.errorsReturn());
      return new MpiWorld(mpi, abi, communicator, rank, size);
    }
  }

  private static void refuse(
      MpiLibrary library, @Nullable Launcher launcher, int size, int threads, MpiFunctions mpi) {
    String reason = null;
    if (launcher != null && launcher.size() != size) {
      reason =
          (launcher.kind().title() + " started " + launcher.size() + " ranks, but ")
              + (library.description() + " sees " + size)
              + ": launcher and library belong to different MPIs";
      if (launcher.kind() == Launcher.Kind.SLURM) {
        reason += ", or srun needs --mpi=pmix (Open MPI) or --mpi=pmi2 (MPICH)";
      }
    } else if (threads < MpiAbi.THREAD_SERIALIZED) {
      reason =
          library.description()
              + " allows only the main thread to call it (MPI_Init_thread grants level "
              + (threads + "), expected MPI_THREAD_SERIALIZED");
    }
    if (reason != null) {
      mpi.finish();
      throw new ParallelException(reason);
    }
  }
}
