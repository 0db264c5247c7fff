package dev.tornadomoe.tornado.replay;

import java.lang.foreign.MemorySegment;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/// Elements that go up, or come back, in the place of a whole array: the first ones of it, from or
/// to memory of their own. The array's own memory on the host is not touched.
///
/// @param array of the graphs that are replayed
/// @param rows its first elements, in native memory
public record HostRows(TornadoNativeArray array, MemorySegment rows) {

  /// The command with these elements, if it is about their array.
  Command in(Command command) {
    return switch (command) {
      case Command.Write write when isOf(write.host()) ->
          new Command.Write(write.subject(), rows, write.buffer(), behindHeader(write.offset()));
      case Command.Read read when isOf(read.host()) ->
          new Command.Read(read.subject(), rows, read.buffer(), behindHeader(read.offset()));
      default -> command;
    };
  }

  private boolean isOf(MemorySegment host) {
    MemorySegment whole = array.getSegmentWithHeader();
    return whole.address() == host.address() && whole.byteSize() == host.byteSize();
  }

  private static long behindHeader(long offset) {
    return offset + TornadoNativeArray.ARRAY_HEADER;
  }
}
