package dev.tornadomoe.tornado.replay;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// How fast a program's own memory goes up to a device.
public final class UploadRate {
  /// Long enough that beginning a transfer counts little.
  private static final long BYTES = 64 << 20;

  private static final int TIMES = 4;
  private static final double NANO = 1e-9;

  private UploadRate() {}

  /// Measures it, with some memory of the device for the moment.
  ///
  /// @param device on whose queue nothing else should run
  /// @return bytes a second, the best of some transfers
  /// @throws ReplayException where a command fails, or the device can't replay
  public static double bytesPerSecond(TornadoDevice device) {
    GraphReplay.requireSupport(device);
    OpenCl cl = OpenCl.get();
    OpenClMemory memory = OpenCl.memory();
    long context = TornadoInternals.context(device);
    try (Arena arena = Arena.ofConfined();
        CommandQueue queue = new CommandQueue(cl, context, TornadoInternals.handle(device), 0)) {
      long buffer = memory.createOnDevice(context, BYTES);
      try {
        return BYTES / (NANO * leastNanos(queue, buffer, arena.allocate(BYTES, 64)));
      } finally {
        memory.release(buffer);
      }
    }
  }

  private static long leastNanos(CommandQueue queue, long buffer, MemorySegment host) {
    Command write = new Command.Write("a test of the upload's speed", host, buffer, 0);
    long least = Long.MAX_VALUE;
    for (int i = 0; i < TIMES; i++) {
      long start = System.nanoTime();
      queue.run(List.of(write));
      least = Math.min(least, System.nanoTime() - start);
    }
    return least;
  }
}
