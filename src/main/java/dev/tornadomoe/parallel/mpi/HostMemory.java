package dev.tornadomoe.parallel.mpi;

import dev.tornadomoe.parallel.Agreement;
import dev.tornadomoe.parallel.Communicator;
import dev.tornadomoe.parallel.Message;
import dev.tornadomoe.parallel.ParallelException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Long messages between ranks of a host: all cores copy them into shared memory and out of it,
/// where MPI copies with one core of each rank. MPI carries a note about each, so that messages
/// keep their order.
final class HostMemory {
  /// Bytes of a note: the message's length, and that of the memory that it is in.
  static final int NOTE_BYTES = 2 * Long.BYTES;

  private static final System.Logger LOG = System.getLogger("dev.tornadomoe.parallel.mpi");

  /// Shorter ones are there before other cores have woken up.
  private static final long LEAST_BYTES = 128 << 10;

  private static final Path DIRECTORY = Path.of("/dev/shm");
  private static final Path BOOT = Path.of("/proc/sys/kernel/random/boot_id");
  private static final Path NAMESPACE = Path.of("/proc/self/ns/mnt");

  /// By rank.
  private final @Nullable Neighbour[] neighbours;

  private boolean refused;

  /// Another rank of this host: the boxes for it and from it, and notes on their way.
  private record Neighbour(Mailbox out, Mailbox in, MemorySegment sent, MemorySegment received) {}

  private HostMemory(@Nullable Neighbour[] neighbours) {
    this.neighbours = neighbours;
  }

  /// Nothing is shared.
  static HostMemory none(int ranks) {
    return new HostMemory(new @Nullable Neighbour[ranks]);
  }

  /// Shares memory with the ranks of this host, each of which calls this. Its files are out of
  /// their directory again when all have opened them, so that nothing is left of ranks that die.
  ///
  /// @param place what [#place] says here
  static HostMemory of(Communicator ranks, String place) {
    List<String> places = Agreement.exchange(ranks, place);
    @Nullable Mailbox[] out = new @Nullable Mailbox[ranks.size()];
    List<Path> created = new ArrayList<>();
    try {
      boolean shares = create(ranks, places, out, created);
      List<String> sharing = Agreement.exchange(ranks, shares ? "shares" : "");
      @Nullable Neighbour[] neighbours = new @Nullable Neighbour[ranks.size()];
      for (int rank = 0; rank < neighbours.length; rank++) {
        Mailbox box = out[rank];
        if (shares && box != null && !sharing.get(rank).isEmpty()) {
          neighbours[rank] =
              new Neighbour(box, Mailbox.open(path(places, rank, ranks.rank())), note(), note());
        }
      }
      Agreement.exchange(ranks, "");
      return new HostMemory(neighbours);
    } catch (IOException e) {
      throw new ParallelException(
          String.format(
              Locale.ROOT,
              "rank %d can't open memory that a rank of its host shares (%s)",
              ranks.rank(),
              e.getMessage()),
          e);
    } finally {
      created.forEach(path -> path.toFile().delete());
    }
  }

  /// Makes boxes for all ranks of this host.
  ///
  /// @return whether there is room for them
  private static boolean create(
      Communicator ranks, List<String> places, @Nullable Mailbox[] out, List<Path> created) {
    try {
      for (int rank = 0; rank < out.length; rank++) {
        if (rank != ranks.rank() && isBeside(places.get(rank), places.get(ranks.rank()))) {
          Path path = path(places, ranks.rank(), rank);
          created.add(path);
          out[rank] = Mailbox.create(path);
        }
      }
      return true;
    } catch (IOException e) {
      warn(e);
      return false;
    }
  }

  private static void warn(IOException e) {
    LOG.log(
        System.Logger.Level.WARNING,
        "MPI carries all rows between ranks of this host, which is slower: {0}",
        e.getMessage());
  }

  /// What tells processes that see the same shared memory: the same system, the same files.
  ///
  /// @return with this process's number, or nothing where there is no such memory
  static String place() {
    try {
      return Files.isWritable(DIRECTORY)
          ? String.format(
              Locale.ROOT,
              "%s %s %d",
              Files.readString(BOOT).strip(),
              Files.readSymbolicLink(NAMESPACE),
              ProcessHandle.current().pid())
          : "";
    } catch (IOException | UnsupportedOperationException e) {
      return ""; // not Linux, or without /proc
    }
  }

  private static boolean isBeside(String place, String other) {
    return !place.isEmpty()
        && place
            .substring(0, place.lastIndexOf(' ') + 1)
            .equals(other.substring(0, other.lastIndexOf(' ') + 1));
  }

  private static Path path(List<String> places, int from, int to) {
    String place = places.get(from);
    String process = place.substring(place.lastIndexOf(' ') + 1);
    return DIRECTORY.resolve(String.format(Locale.ROOT, "tornado-moe-%s-%d-%d", process, from, to));
  }

  /// Memory that MPI may write to at any time.
  private static MemorySegment note() {
    return Arena.global().allocate(NOTE_BYTES, Long.BYTES);
  }

  /// What messages for another rank take here.
  ///
  /// @param longest bytes of a message
  long bytes(int to, long longest) {
    return neighbours[to] == null || longest < LEAST_BYTES ? 0 : Mailbox.bytes(longest);
  }

  /// Leaves a message for another rank, if it is one for shared memory and that is free.
  ///
  /// @return the note to send, or null where MPI is to carry the message
  @Nullable MemorySegment put(int to, Message message) {
    Neighbour neighbour = neighbours[to];
    if (neighbour == null
        || refused
        || message.bytes() < LEAST_BYTES
        || !neighbour.out().isEmpty()) {
      return null;
    }
    try {
      long bytes = neighbour.out().put(message);
      neighbour.sent().set(ValueLayout.JAVA_LONG, 0, message.bytes());
      neighbour.sent().set(ValueLayout.JAVA_LONG, Long.BYTES, bytes);
      return neighbour.sent();
    } catch (IOException e) {
      refused = true;
      warn(e);
      return null;
    }
  }

  /// Whether a rank has taken what was left for it.
  boolean isTaken(int rank) {
    Neighbour neighbour = neighbours[rank];
    return neighbour == null || neighbour.out().isEmpty();
  }

  /// Where a note of a rank goes.
  MemorySegment note(int from) {
    return required(from).received();
  }

  /// The length of the message that the note is about.
  long length(int from) {
    return required(from).received().get(ValueLayout.JAVA_LONG, 0);
  }

  /// Takes the message that the note is about.
  void take(int from, Message into) {
    Neighbour neighbour = required(from);
    try {
      neighbour.in().take(neighbour.received().get(ValueLayout.JAVA_LONG, Long.BYTES), into);
    } catch (IOException e) {
      throw new ParallelException(
          String.format(
              Locale.ROOT,
              "what rank %d has left in shared memory can't be read (%s)",
              from,
              e.getMessage()),
          e);
    }
  }

  private Neighbour required(int rank) {
    Neighbour neighbour = neighbours[rank];
    if (neighbour == null) {
      throw new IllegalStateException("rank " + rank + " shares no memory with this one");
    }
    return neighbour;
  }
}
