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
  private final long handle;

  /// @param device of the context
  ProfilingQueue(OpenCl cl, long context, long device) {
    this.cl = cl;
    this.handle = cl.createQueue(context, device, OpenCl.PROFILING);
  }

  /// Does all of it, in order, and waits for the end.
  ///
  /// @return how long each launch took, in order
  List<LaunchTime> run(List<Command> commands) {
    List<Command.Launch> launches = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment events = arena.allocate(JAVA_LONG, commands.size());
      try {
        for (Command command : commands) {
          if (command instanceof Command.Launch launch) {
            long place = launches.size() * JAVA_LONG.byteSize();
            cl.enqueue(handle, command, events.asSlice(place, JAVA_LONG.byteSize()));
            launches.add(launch);
          } else {
            cl.enqueue(handle, command, MemorySegment.NULL);
          }
        }
      } finally {
        cl.finish(handle);
      }
      return times(launches, events);
    }
  }

  private List<LaunchTime> times(List<Command.Launch> launches, MemorySegment events) {
    List<LaunchTime> times = new ArrayList<>();
    for (int i = 0; i < launches.size(); i++) {
      long event = events.getAtIndex(JAVA_LONG, i);
      times.add(new LaunchTime(launches.get(i).subject(), cl.nanos(event)));
      cl.releaseEvent(event);
    }
    return times;
  }

  @Override
  public void close() {
    cl.releaseQueue(handle);
  }
}
