package dev.tornadomoe.tornado.replay;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/// Host memory for what goes up and comes back with each run. The driver has locked its pages, so
/// the device itself reads and writes them; what lies elsewhere is first copied to such pages, in
/// pieces, while the device waits.
///
/// Sessions keep the caller's rows in it. An engine can, too:
///
///     PinnedMemory pinned = new PinnedMemory(device, ReplayMode.chosen());
///     FloatArray rows = pinned.floats(maxTokens * hidden);
///
/// Where a driver gives none, or nothing is replayed, memory is ordinary, and one sentence is
/// logged for a driver's refusal. Close it after the plans whose arrays lie in it.
public final class PinnedMemory implements SegmentAllocator, AutoCloseable {
  private static final System.Logger LOG = System.getLogger("dev.tornadomoe.tornado.replay");

  private static final Set<String> LOGGED = ConcurrentHashMap.newKeySet();

  private static final AtomicLong HELD = new AtomicLong();

  private record Mapped(long buffer, MemorySegment address, long bytes) {}

  /// What is handed out ends with it.
  private final Arena arena = Arena.ofShared();

  private final List<Mapped> mapped = new ArrayList<>();
  private @Nullable Driver driver;

  /// What pages come from.
  private record Driver(OpenCl cl, OpenClMemory memory, long context, long queue) {
    static Driver of(OpenCl cl, OpenClMemory memory, TornadoDevice device) {
      long context = TornadoInternals.context(device);
      return new Driver(
          cl, memory, context, cl.createQueue(context, TornadoInternals.handle(device), 0));
    }
  }

  /// Memory for arrays of a device.
  ///
  /// @param device that reads and writes it
  /// @param mode ordinary memory where nothing is replayed
  public PinnedMemory(TornadoDevice device, ReplayMode mode) {
    if (mode == ReplayMode.OFF) {
      return;
    }
    try {
      GraphReplay.requireSupport(device);
      driver = Driver.of(OpenCl.get(), OpenCl.memory(), device);
    } catch (ReplayException e) {
      // A device that can't replay says so where it is asked to.
      driver = null;
    }
  }

  /// The same with other functions of OpenCL.
  PinnedMemory(TornadoDevice device, OpenClMemory functions) {
    driver = Driver.of(OpenCl.get(), functions, device);
  }

  /// An array of zeros, whose elements begin at a multiple of 16 bytes.
  ///
  /// @param elements how many
  /// @return an array in this memory
  public FloatArray floats(int elements) {
    long bytes = TornadoNativeArray.ARRAY_HEADER + (long) elements * Float.BYTES;
    return FloatArray.fromSegmentShallow(allocate(bytes, 64));
  }

  /// Zeros.
  ///
  /// @param bytes how many
  /// @param alignment of the first, a power of two
  @Override
  public MemorySegment allocate(long bytes, long alignment) {
    Driver known = driver;
    if (known != null && bytes > 0) {
      try {
        return allocate(known, bytes, alignment);
      } catch (ReplayException e) {
        String sentence = String.valueOf(e.getMessage());
        if (LOGGED.add(sentence)) {
          LOG.log(
              System.Logger.Level.WARNING,
              "rows and weights on their way lie in ordinary memory, which is slower: {0}",
              sentence);
        }
      }
    }
    return arena.allocate(bytes, alignment);
  }

  /// OpenCL promises no alignment that its types don't need, so there is room for more.
  @SuppressWarnings("restricted") // the size is the one that was asked for
  private MemorySegment allocate(Driver known, long wanted, long alignment) {
    long bytes = wanted + alignment - 1;
    long buffer = known.memory.create(known.context, bytes);
    MemorySegment address;
    try {
      address = known.memory.map(known.queue, buffer, bytes);
    } catch (ReplayException e) {
      known.memory.release(buffer);
      throw e;
    }
    mapped.add(new Mapped(buffer, address, bytes));
    HELD.addAndGet(bytes);
    long from = Math.floorMod(-address.address(), alignment);
    return address.reinterpret(bytes, arena, null).asSlice(from, wanted).fill((byte) 0);
  }

  /// Whether a driver has given some memory, as part of what was handed out.
  ///
  /// @param memory any
  /// @return whether the device reads and writes it itself
  public boolean holds(MemorySegment memory) {
    if (memory.isNative()) {
      for (Mapped each : mapped) {
        long from = memory.address() - each.address.address();
        if (from >= 0 && from + memory.byteSize() <= each.bytes) {
          return true;
        }
      }
    }
    return false;
  }

  /// How many bytes drivers have given and not got back, of which the JVM knows nothing.
  static long held() {
    return HELD.get();
  }

  /// Gives all of it back. What was handed out can't be used any more.
  @Override
  public void close() {
    arena.close();
    Driver known = driver;
    if (known == null) {
      return;
    }
    driver = null;
    for (Mapped each : mapped) {
      known.memory.unmap(known.queue, each.buffer, each.address);
      HELD.addAndGet(-each.bytes);
    }
    known.cl.finishQuietly(known.queue);
    mapped.forEach(each -> known.memory.release(each.buffer));
    mapped.clear();
    known.cl.releaseQueue(known.queue);
  }
}
