package dev.tornadomoe.tornado.replay;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// A queue on which the driver notes when each kernel begins and ends. That makes launches slower,
/// so it is used for nothing else.
final class ProfilingQueue implements AutoCloseable {
  private final OpenCl cl;
  private final CommandQueue queue;

  /// @param device of the context
  ProfilingQueue(OpenCl cl, long context, long device) {
    this.cl = cl;
    this.queue = new CommandQueue(cl, context, device, OpenCl.PROFILING);
  }

  /// Does all of it, in order, and waits for the end.
  ///
  /// @return how long each launch took, in order
  List<LaunchTime> run(List<Command> commands) {
    List<Command.Launch> launches =
        commands.stream()
            .filter(Command.Launch.class::isInstance)
            .map(Command.Launch.class::cast)
            .toList();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment events = arena.allocate(JAVA_LONG, launches.size());
      try {
        queue.run(commands, events);
        return times(launches, events);
      } finally {
        release(events);
      }
    }
  }

  private List<LaunchTime> times(List<Command.Launch> launches, MemorySegment events) {
    List<LaunchTime> times = new ArrayList<>();
    for (int i = 0; i < launches.size(); i++) {
      long nanos = cl.nanos(events.getAtIndex(JAVA_LONG, i));
      times.add(new LaunchTime(launches.get(i).subject(), nanos));
    }
    return times;
  }

  /// A launch that was never enqueued has none.
  private void release(MemorySegment events) {
    for (long event : events.toArray(JAVA_LONG)) {
      if (event != 0) {
        cl.releaseEvent(event);
      }
    }
  }

  @Override
  public void close() {
    queue.close();
  }
}
