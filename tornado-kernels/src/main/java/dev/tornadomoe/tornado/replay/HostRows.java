package dev.tornadomoe.tornado.replay;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/// Elements that go up, or come back, in the place of a whole array: the first ones of it, from or
/// to memory of their own. The array's own memory on the host is not touched.
///
/// @param array of the graphs that are replayed
/// @param rows its first elements, in native memory
public record HostRows(TornadoNativeArray array, MemorySegment rows) {

  /// None of an array's elements: what the device has of it stays as it is.
  ///
  /// @param array of the graphs that are replayed
  /// @return what goes up or comes back in its place
  public static HostRows none(TornadoNativeArray array) {
    return new HostRows(array, MemorySegment.NULL);
  }

  /// The command with these elements, if it is about their array; nothing where there are none.
  Stream<Command> in(Command command) {
    return switch (command) {
      case Command.Write write when isOf(write.host()) ->
          rows.byteSize() == 0 ? Stream.empty() : Stream.of(in(write));
      case Command.Read read when isOf(read.host()) ->
          rows.byteSize() == 0
              ? Stream.empty()
              : Stream.of(
                  new Command.Read(
                      read.subject(), rows, read.buffer(), behindHeader(read.offset())));
      default -> Stream.of(command);
    };
  }

  /// The commands that bring these elements up, of all of some graphs.
  Stream<Command.Write> writes(List<Command> commands) {
    return commands.stream()
        .flatMap(command ->
            command instanceof Command.Write write && isOf(write.host())
                ? Stream.of(in(write))
                : Stream.empty())
        .distinct();
  }

  /// Segments are equal where they begin at the same place, however long they are.
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof HostRows that
        && array == that.array
        && rows.equals(that.rows)
        && rows.byteSize() == that.rows.byteSize();
  }

  @Override
  public int hashCode() {
    return 31 * System.identityHashCode(array) + rows.hashCode();
  }

  private Command.Write in(Command.Write write) {
    return new Command.Write(write.subject(), rows, write.buffer(), behindHeader(write.offset()));
  }

  private boolean isOf(MemorySegment host) {
    MemorySegment whole = array.getSegmentWithHeader();
    return whole.address() == host.address() && whole.byteSize() == host.byteSize();
  }

  private static long behindHeader(long offset) {
    return offset + TornadoNativeArray.ARRAY_HEADER;
  }
}
