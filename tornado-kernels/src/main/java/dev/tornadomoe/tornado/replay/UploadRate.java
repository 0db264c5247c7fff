package dev.tornadomoe.tornado.replay;

import dev.tornadomoe.backend.cpu.HostThreads;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// How fast a program's own memory goes up to a device.
public final class UploadRate {
  /// Long enough that beginning a transfer counts little.
  private static final long BYTES = 64 << 20;

  /// Different memory each time: what was read last may be in the processor's cache.
  private static final int PARTS = 4;

  /// Until code is compiled, and some more.
  private static final int TIMES = 6 * PARTS;

  private static final double NANO = 1e-9;

  private UploadRate() {}

  /// Measures it the way weights go up with each call, with some memory of the device for the
  /// moment.
  ///
  /// @param device on whose queue nothing else should run
  /// @param threads that copy
  /// @return bytes a second, the best of some transfers
  /// @throws ReplayException where a command fails, or the device can't replay
  public static double bytesPerSecond(TornadoDevice device, HostThreads threads) {
    GraphReplay.requireSupport(device);
    OpenClMemory memory = OpenCl.memory();
    long context = TornadoInternals.context(device);
    try (Arena arena = Arena.ofShared();
        PinnedMemory pinned = new PinnedMemory(device, ReplayMode.AUTO);
        StagingBuffer staging = StagingBuffer.of(device, BYTES, pinned, threads);
        CommandQueue queue =
            new CommandQueue(OpenCl.get(), context, TornadoInternals.handle(device), 0)) {
      long buffer = memory.createOnDevice(context, BYTES);
      try {
        return BYTES
            / (NANO * leastNanos(queue, staging, buffer, arena.allocate(PARTS * BYTES, 64)));
      } finally {
        memory.release(buffer);
      }
    }
  }

  private static long leastNanos(
      CommandQueue queue, @Nullable StagingBuffer staging, long buffer, MemorySegment host) {
    long least = Long.MAX_VALUE;
    for (int i = 0; i < TIMES; i++) {
      MemorySegment part = host.asSlice(i % PARTS * BYTES, BYTES);
      Command.Write write = new Command.Write("a test of the upload's speed", part, buffer, 0);
      long start = System.nanoTime();
      if (staging == null) {
        queue.run(List.of(write));
      } else {
        staging.upload(List.of(write));
      }
      least = Math.min(least, System.nanoTime() - start);
    }
    return least;
  }
}
