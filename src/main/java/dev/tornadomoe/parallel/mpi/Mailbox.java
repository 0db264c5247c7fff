package dev.tornadomoe.parallel.mpi;

import dev.tornadomoe.parallel.Message;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Shared memory in which one rank leaves messages for another of its host, one at a time. Each of
/// the two has an object of this, on the same file, which need not stay in its directory.
final class Mailbox {
  /// How many messages were taken out; the message is behind it.
  private static final VarHandle TAKEN = ValueLayout.JAVA_LONG.varHandle();

  private static final int HEADER_BYTES = 64;
  private static final int ZEROS = 1 << 20;

  private final FileChannel file;
  private MemorySegment memory;
  private long count;

  private Mailbox(FileChannel file) throws IOException {
    this.file = file;
    this.memory = map(HEADER_BYTES);
  }

  /// An empty one, for the rank that leaves messages.
  ///
  /// @throws IOException where the system has no room for it
  @SuppressWarnings("MustBeClosedChecker") // for as long as the process lives
  static Mailbox create(Path path) throws IOException {
    Files.deleteIfExists(path); // of a process that had our number and was killed
    FileChannel file =
        FileChannel.open(
            path, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
    extend(file, HEADER_BYTES);
    return new Mailbox(file);
  }

  /// The same one, for the rank that takes them.
  @SuppressWarnings("MustBeClosedChecker") // for as long as the process lives
  static Mailbox open(Path path) throws IOException {
    return new Mailbox(FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE));
  }

  @SuppressWarnings("MustBeClosedChecker") // mapped until nobody refers to it
  private MemorySegment map(long bytes) throws IOException {
    return file.map(MapMode.READ_WRITE, 0, bytes, Arena.ofAuto());
  }

  /// Memory is given by writing: what is only mapped would fail where it is first touched.
  private static void extend(FileChannel file, long bytes) throws IOException {
    ByteBuffer zeros = ByteBuffer.allocate(ZEROS);
    for (long at = file.size(); at < bytes; at += zeros.position()) {
      zeros.clear().limit((int) Math.min(bytes - at, ZEROS));
      file.write(zeros, at);
    }
  }

  /// What a box takes that had a message of so many bytes at most: messages differ in length from
  /// call to call.
  static long bytes(long longest) {
    return HEADER_BYTES + 2 * Long.highestOneBit(longest - 1);
  }

  /// Whether all messages were taken out.
  boolean isEmpty() {
    return (long) TAKEN.getAcquire(memory, 0L) == count;
  }

  /// Leaves a message in the empty box.
  ///
  /// @return how many bytes the box has now
  /// @throws IOException where the system has no room for it; the box stays empty
  long put(Message message) throws IOException {
    if (memory.byteSize() - HEADER_BYTES < message.bytes()) {
      long bytes = bytes(message.bytes());
      try {
        extend(file, bytes);
        memory = map(bytes);
      } catch (IOException e) {
        file.truncate(memory.byteSize()); // others, MPI among them, want what is left
        throw e;
      }
    }
    SpanCopies.gather(message, memory, HEADER_BYTES);
    count++;
    return memory.byteSize();
  }

  /// Takes the message out.
  ///
  /// @param bytes what the box has
  void take(long bytes, Message into) throws IOException {
    if (memory.byteSize() < bytes) {
      memory = map(bytes);
    }
    SpanCopies.scatter(memory, HEADER_BYTES, into);
    TAKEN.setRelease(memory, 0L, ++count);
  }
}
