package dev.tornadomoe.tornado.replay;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// A queue of the replay's own, in the plan's context: TornadoVM's are not touched.
final class CommandQueue implements AutoCloseable {
  private final OpenCl cl;
  private final long handle;

  /// @param device of the context
  /// @param properties 0 or [OpenCl#PROFILING]
  CommandQueue(OpenCl cl, long context, long device, long properties) {
    this.cl = cl;
    this.handle = cl.createQueue(context, device, properties);
  }

  /// Does all of it, in order, and waits for the end.
  ///
  /// @throws ReplayException naming the command that failed; then all before it are over, too
  void run(List<Command> commands) {
    run(commands, MemorySegment.NULL);
  }

  /// The same with events.
  ///
  /// @param events gets one for each launch, in order, also where a later command fails; null for
  ///   none
  void run(List<Command> commands, MemorySegment events) {
    boolean hasEvents = !events.equals(MemorySegment.NULL);
    long next = 0;
    try {
      for (Command command : commands) {
        MemorySegment event = MemorySegment.NULL;
        if (hasEvents && command instanceof Command.Launch) {
          event = events.asSlice(next, JAVA_LONG.byteSize());
          next += JAVA_LONG.byteSize();
        }
        cl.enqueue(handle, command, event);
      }
    } catch (ReplayException e) {
      // What was enqueued must be over before anyone touches its memory.
      finishAfter(e);
      throw e;
    }
    finish();
  }

  /// Has the device begin with a command, behind what it has of this queue.
  ///
  /// @param event gets an event for it
  void begin(Command command, MemorySegment event) {
    cl.enqueue(handle, command, event);
    cl.flush(handle);
  }

  /// Waits for the end of all that was begun.
  void finish() {
    cl.finish(handle);
  }

  /// The same after a failure, which is the one that is told.
  void finishAfter(Throwable first) {
    try {
      cl.finish(handle);
    } catch (ReplayException e) {
      first.addSuppressed(e);
    }
  }

  @Override
  public void close() {
    cl.releaseQueue(handle);
  }
}
