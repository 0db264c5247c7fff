package dev.tornadomoe.tornado.replay;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// A queue of the replay's own, in the plan's context: TornadoVM's are not touched.
final class CommandQueue implements AutoCloseable {
  private final OpenCl cl;
  private final long handle;

  /// @param device of the context
  CommandQueue(OpenCl cl, long context, long device) {
    this.cl = cl;
    this.handle = cl.createQueue(context, device, 0);
  }

  /// Does all of it, in order, and waits for the end.
  void run(List<Command> commands) {
    try {
      for (Command command : commands) {
        cl.enqueue(handle, command, MemorySegment.NULL);
      }
    } catch (ReplayException e) {
      // What was enqueued must be over before anyone touches its memory.
      finishQuietly(e);
      throw e;
    }
    cl.finish(handle);
  }

  private void finishQuietly(ReplayException first) {
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
