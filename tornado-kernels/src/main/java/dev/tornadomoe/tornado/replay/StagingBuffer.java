package dev.tornadomoe.tornado.replay;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.tornadomoe.backend.cpu.HostThreads;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// A few pieces of pinned memory through which much ordinary memory goes up to a device: threads
/// copy to one of them while the device reads another. A driver by itself copies with one thread,
/// and with all of the memory pinned NVIDIA's takes as much of the device's.
public final class StagingBuffer implements AutoCloseable {
  private static final int SLOTS = 4;

  /// Long enough that beginning a transfer counts little, and short enough that all slots stay in
  /// the processor's caches.
  private static final long SLOT_BYTES = 4 << 20;

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

  /// @param device of which nothing else is on its queue
  /// @param memory pinned, all of it
  /// @param slots how many pieces it is divided into
  /// @param threads that copy
  StagingBuffer(
      OpenCl cl, TornadoDevice device, MemorySegment memory, int slots, HostThreads threads) {
    this.cl = cl;
    this.threads = threads;
    this.queue =
        new CommandQueue(cl, TornadoInternals.context(device), TornadoInternals.handle(device), 0);
    long bytes = memory.byteSize() / slots;
    this.slots =
        IntStream.range(0, slots)
            .mapToObj(i -> new Slot(memory.asSlice(i * bytes, bytes), arena.allocate(JAVA_LONG)))
            .toList();
  }

  /// One in memory that it does not close, or null where that is not pinned: then nothing would be
  /// won.
  ///
  /// @param device to which weights go up
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
        ? new StagingBuffer(OpenCl.get(), device, memory, SLOTS, threads)
        : null;
  }

  /// {@return what the memory takes}
  ///
  /// @param largest bytes that go up at once
  public static long bytes(long largest) {
    long even = Math.ceilDiv(largest, PART * SLOTS * ALIGNMENT) * ALIGNMENT;
    return SLOTS * Math.min(SLOT_BYTES, even);
  }

  /// Brings memory up, one piece after the other, and waits for the end.
  ///
  /// @throws ReplayException naming what failed; then nothing reads the slots any more, and what
  ///   was to go up may be there in part
  synchronized void upload(List<Command.Write> writes) {
    try {
      int next = 0;
      for (Command.Write write : writes) {
        long bytes = write.host().byteSize();
        for (long from = 0; from < bytes; ) {
          Slot slot = slots.get(next);
          long some = Math.min(slot.memory.byteSize(), bytes - from);
          uploadPart(slot, write, from, some);
          from += some;
          next = (next + 1) % slots.size();
        }
      }
      queue.finish();
    } catch (RuntimeException | Error e) {
      queue.finishAfter(e);
      throw e;
    } finally {
      slots.forEach(this::forget);
    }
  }

  private void uploadPart(Slot slot, Command.Write write, long from, long bytes) {
    if (slot.subject != null) {
      cl.await(slot.event, slot.subject);
      forget(slot);
    }
    MemorySegment staged = slot.memory.asSlice(0, bytes);
    threads.copy(write.host().asSlice(from, bytes), staged);
    queue.begin(
        new Command.Write(write.subject(), staged, write.buffer(), write.offset() + from),
        slot.event);
    slot.subject = write.subject();
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
