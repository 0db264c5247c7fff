package dev.tornadomoe.tornado.replay;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.tornadomoe.backend.cpu.HostThreads;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// Pinned memory through which much ordinary memory goes up to a device. A driver by itself copies
/// with one thread, and with all of the memory pinned NVIDIA's takes as much of the device's. Each
/// thread has two slots, and copies to one while the device reads the other: nobody waits for other
/// threads, and the device always has something to read.
public final class StagingBuffer implements AutoCloseable {
  /// As many threads copy at once: more than it takes to be faster than the way to the device.
  private static final int LANES = 16;

  /// What a thread has.
  private static final int SLOTS_OF_LANE = 2;

  /// Long enough that beginning a transfer counts little, and short enough for a core's cache.
  private static final long SLOT_BYTES = 1 << 20;

  /// The part of what goes up at once that all slots may take.
  private static final int PART = 4;

  private static final long ALIGNMENT = 64;

  private final OpenCl cl;
  private final CommandQueue queue;
  private final HostThreads threads;
  private final Arena arena = Arena.ofShared();
  private final List<Slot> slots;

  private static final class Slot {
    final MemorySegment memory;

    /// Where the event of the transfer is that reads it.
    final MemorySegment event;

    /// What that is about, or null where none does.
    @Nullable String subject;

    Slot(MemorySegment memory, MemorySegment event) {
      this.memory = memory;
      this.event = event;
    }
  }

  /// @param device to which memory goes up, on a queue of this
  /// @param memory pinned, all of it
  /// @param lanes how many threads copy at once
  /// @param threads that copy
  StagingBuffer(
      OpenCl cl, TornadoDevice device, MemorySegment memory, int lanes, HostThreads threads) {
    this.cl = cl;
    this.threads = threads;
    this.queue =
        new CommandQueue(cl, TornadoInternals.context(device), TornadoInternals.handle(device), 0);
    int count = lanes * SLOTS_OF_LANE;
    long bytes = memory.byteSize() / count;
    this.slots =
        IntStream.range(0, count)
            .mapToObj(i -> new Slot(memory.asSlice(i * bytes, bytes), arena.allocate(JAVA_LONG)))
            .toList();
  }

  /// One in memory that it does not close, or null where that is not pinned: then nothing would be
  /// won.
  ///
  /// @param device to which memory goes up
  /// @param largest bytes that go up at once
  /// @param pinned has the memory; closed after this
  /// @param threads that copy
  /// @return what brings them up
  /// @throws ReplayException where the device gives no queue
  public static @Nullable StagingBuffer of(
      TornadoDevice device, long largest, PinnedMemory pinned, HostThreads threads) {
    if (largest == 0) {
      return null;
    }
    MemorySegment memory = pinned.allocate(bytes(largest), ALIGNMENT);
    return pinned.holds(memory)
        ? new StagingBuffer(OpenCl.get(), device, memory, LANES, threads)
        : null;
  }

  /// {@return what the memory takes}
  ///
  /// @param largest bytes that go up at once
  public static long bytes(long largest) {
    long count = LANES * SLOTS_OF_LANE;
    long even = Math.ceilDiv(largest, PART * count * ALIGNMENT) * ALIGNMENT;
    return count * Math.min(SLOT_BYTES, even);
  }

  /// Brings memory up, and waits for the end.
  ///
  /// @throws ReplayException naming what failed; then nothing reads the slots any more, and what
  ///   was to go up may be there in part
  synchronized void upload(List<Command.Write> writes) {
    List<Command.Write> parts = writes.stream().flatMap(this::parts).toList();
    AtomicInteger next = new AtomicInteger();
    try {
      threads.run(slots.size() / SLOTS_OF_LANE, lane -> uploadParts(lane, parts, next));
      queue.finish();
    } catch (RuntimeException | Error e) {
      queue.finishAfter(e);
      throw e;
    } finally {
      slots.forEach(this::forget);
    }
  }

  /// What goes through one slot each.
  private Stream<Command.Write> parts(Command.Write write) {
    long most = slots.getFirst().memory.byteSize();
    long bytes = write.host().byteSize();
    return LongStream.range(0, Math.ceilDiv(bytes, most))
        .map(part -> part * most)
        .mapToObj(from ->
            new Command.Write(
                write.subject(),
                write.host().asSlice(from, Math.min(most, bytes - from)),
                write.buffer(),
                write.offset() + from));
  }

  /// One thread's: whatever part is the next, until there is none, or another thread has failed.
  private void uploadParts(int lane, List<Command.Write> parts, AtomicInteger next) {
    try {
      int turn = 0;
      for (int part = next.getAndIncrement(); part < parts.size(); part = next.getAndIncrement()) {
        uploadPart(slots.get(lane * SLOTS_OF_LANE + turn), parts.get(part));
        turn = (turn + 1) % SLOTS_OF_LANE;
      }
    } catch (RuntimeException | Error e) {
      next.set(parts.size());
      throw e;
    }
  }

  private void uploadPart(Slot slot, Command.Write part) {
    if (slot.subject != null) {
      cl.await(slot.event, slot.subject);
      forget(slot);
    }
    MemorySegment staged = slot.memory.asSlice(0, part.host().byteSize());
    staged.copyFrom(part.host());
    queue.begin(
        new Command.Write(part.subject(), staged, part.buffer(), part.offset()), slot.event);
    slot.subject = part.subject();
  }

  private void forget(Slot slot) {
    if (slot.subject != null) {
      slot.subject = null;
      cl.releaseEvent(slot.event.get(JAVA_LONG, 0));
    }
  }

  @Override
  public void close() {
    queue.close();
    arena.close();
  }
}
