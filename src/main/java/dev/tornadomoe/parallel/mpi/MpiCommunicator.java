package dev.tornadomoe.parallel.mpi;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.tornadomoe.parallel.Communicator;
import dev.tornadomoe.parallel.Message;
import dev.tornadomoe.parallel.ParallelException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Ranks that MPI connects. A message is sent and received as it lies, its blocks as a datatype of
/// absolute addresses; nothing is staged on our side, except that long messages between ranks of a
/// host go through [HostMemory]. All waits ask again and again and have an end.
public final class MpiCommunicator implements Communicator {
  /// How long a rank waits for another one, in seconds, unless something else is said.
  public static final int PATIENCE = 60;

  /// Exit status of a process that ends because of the others.
  static final int FAILED = 2;

  /// Messages of a rank come in their order, so they need no telling apart.
  private static final int TAG = 0;

  /// Says that the message itself is in shared memory.
  private static final int NOTE_TAG = 1;

  private static final long NONE = -1;

  private final String description;
  private final MpiWorld world;
  private final MpiFunctions mpi;
  private final MpiMemory memory;
  private final int seconds;
  private final Backoff backoff;
  private final Requests sending = new Requests();

  /// By rank: the message that was found, and its length or [#NONE].
  private final MemorySegment[] found;

  private final long[] lengths;

  /// By rank: whether it was found in shared memory.
  private final boolean[] shared;

  private HostMemory host;

  private final MemorySegment request = handle();
  private final MemorySegment answer = handle();
  private final MemorySegment status = Arena.global().allocate(MpiAbi.STATUS_BYTES, Long.BYTES);

  /// Whether a call did not come to its end: then nobody knows what is still under way.
  private boolean broken;

  private boolean closed;

  private MpiCommunicator(String description, MpiWorld world, int seconds) {
    this.description = description;
    this.world = world;
    this.seconds = seconds;
    mpi = world.mpi();
    memory = new MpiMemory(mpi, world.abi());
    backoff = new Backoff(world.rank(), seconds);
    found = new MemorySegment[world.size()];
    lengths = new long[world.size()];
    shared = new boolean[world.size()];
    host = HostMemory.none(world.size());
    for (int i = 0; i < found.length; i++) {
      found[i] = handle();
      lengths[i] = NONE;
    }
  }

  /// Memory for a handle or a number. MPI may write to it at any time, and is there until the
  /// process ends.
  private static MemorySegment handle() {
    return Arena.global().allocate(Long.BYTES, Long.BYTES);
  }

  /// Starts MPI, which a process can do once.
  ///
  /// @param library an installed MPI
  /// @param launcher what started this process, null for nothing
  /// @param seconds how long a rank waits for another one
  /// @return the ranks of the job that this process belongs to, or of one rank alone
  /// @throws ParallelException when launcher and library don't fit, or MPI says no
  public static MpiCommunicator start(
      MpiLibrary library, @Nullable Launcher launcher, int seconds) {
    return start(library, launcher, seconds, seconds);
  }

  /// The same.
  ///
  /// @param toStart seconds for all ranks to start
  static MpiCommunicator start(
      MpiLibrary library, @Nullable Launcher launcher, int toStart, int seconds) {
    MpiCommunicator ranks =
        new MpiCommunicator(
            library.description(), MpiWorld.start(library, launcher, toStart), seconds);
    ranks.host = HostMemory.of(ranks, HostMemory.place());
    return ranks;
  }

  /// Ends this process at once, and with it all ranks: without taking leave, which their launcher
  /// takes for a crash. To be called, before [#close], when something goes wrong on this rank
  /// alone: the others wait for it.
  ///
  /// @param exit status, not 0
  public static void abandon(int exit) {
    System.out.flush();
    System.err.flush();
    Runtime.getRuntime().halt(exit);
  }

  @Override
  public int rank() {
    return world.rank();
  }

  @Override
  public int size() {
    return world.size();
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public void send(int to, Message message) {
    other(to);
    if (message.bytes() > Integer.MAX_VALUE) {
      throw new ParallelException(
          "a message of "
              + message.bytes()
              + (" bytes from rank " + rank() + " to rank " + to)
              + " is longer than MPI's 2 GiB; send fewer tokens at a time");
    }
    broken = true;
    MemorySegment note = host.put(to, message);
    if (note == null) {
      memory.describe(message);
      send(to, memory.address(), memory.count(), memory.type(), TAG);
      memory.release();
    } else {
      send(to, note.address(), HostMemory.NOTE_BYTES, world.abi().bytes(), NOTE_TAG);
    }
    broken = false;
  }

  private void send(int to, long address, int count, long type, int tag) {
    mpi.isend(address, count, type, to, tag, world.communicator(), sending.next());
    sending.begun(to);
  }

  @Override
  public void awaitSent() {
    broken = true;
    backoff.begin();
    for (int i = 0; i < sending.count(); i++) {
      while (!done(sending.handle(i)) || !host.isTaken(sending.rank(i))) {
        if (!backoff.pause()) {
          throw backoff.over("rank " + sending.rank(i) + ", which takes nothing");
        }
      }
    }
    sending.clear();
    broken = false;
  }

  @Override
  public long awaitMessage(int from) {
    other(from);
    if (lengths[from] == NONE) {
      broken = true;
      backoff.begin();
      while (!arrived(from)) {
        if (!backoff.pause()) {
          throw backoff.over("rank " + from + ", which says nothing");
        }
      }
      mpi.getCount(status, world.abi().bytes(), answer);
      lengths[from] = answer.get(JAVA_INT, 0);
      shared[from] = status.get(JAVA_INT, world.abi().tagOffset()) == NOTE_TAG;
      if (shared[from]) {
        mpi.imrecv(
            host.note(from).address(),
            HostMemory.NOTE_BYTES,
            world.abi().bytes(),
            found[from],
            request);
        awaitReceived(from);
        lengths[from] = host.length(from);
      }
      broken = false;
    }
    return lengths[from];
  }

  private boolean arrived(int from) {
    mpi.improbe(from, MpiAbi.ANY_TAG, world.communicator(), answer, found[from], status);
    return answer.get(JAVA_INT, 0) != 0;
  }

  @Override
  public void receive(int from, Message into) {
    other(from);
    if (into.bytes() != lengths[from]) {
      throw new IllegalArgumentException(
          "memory of "
              + into.bytes()
              + (" bytes for a message of " + lengths[from] + " from rank " + from));
    }
    broken = true;
    lengths[from] = NONE;
    if (shared[from]) {
      host.take(from, into);
    } else {
      memory.describe(into);
      mpi.imrecv(memory.address(), memory.count(), memory.type(), found[from], request);
      awaitReceived(from);
      memory.release();
    }
    broken = false;
  }

  private void awaitReceived(int from) {
    backoff.begin();
    while (!done(request)) {
      if (!backoff.pause()) {
        throw backoff.over("rank " + from + ", which stopped in the middle of a message");
      }
    }
  }

  private boolean done(MemorySegment request) {
    mpi.test(request, answer, status);
    return answer.get(JAVA_INT, 0) != 0;
  }

  @Override
  public long carrierBytes(int to, long longest) {
    other(to);
    return host.bytes(to, longest);
  }

  private void other(int rank) {
    if (rank == rank() || rank < 0 || rank >= size()) {
      throw new IllegalArgumentException("rank " + rank + " is not another one of " + size());
    }
  }

  /// Takes leave: waits for the others to do so too. Does nothing after a failure, when [#abandon]
  /// is what is left to do.
  @Override
  public void close() {
    if (closed || broken) {
      return;
    }
    closed = true;
    awaitSent();
    backoff.begin();
    mpi.ibarrier(world.communicator(), request);
    while (!done(request)) {
      if (!backoff.pause()) {
        throw backoff.over("the others to end");
      }
    }
    try (Watchdog _ =
        new Watchdog(
            seconds,
            "rank "
                + rank()
                + " has waited "
                + seconds
                + " s for MPI to end: a rank hangs, or is gone")) {
      mpi.finish();
    }
  }
}
