package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.host.Chunk;
import dev.tornadomoe.plan.CallerRows;
import dev.tornadomoe.tornado.device.RowTransfer;
import dev.tornadomoe.tornado.graph.LayerArrays;
import dev.tornadomoe.tornado.replay.HostRows;
import dev.tornadomoe.tornado.replay.PinnedMemory;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/// One region of a call's memory, to the array of a launch and back. In place, the hidden states
/// have no array, and nothing is moved.
///
/// @param rows how the region lies
record RegionTransfer(CallerRows rows) {

  void in(MoeCall call, LayerArrays arrays, Chunk chunk) {
    MemorySegment segment = call.memory(rows.region());
    if (segment == null) {
      return;
    }
    if (arrays.caller(rows.region()) instanceof FloatArray floats) {
      transfer().in(segment, firstRow(chunk), rowCount(chunk), floats);
    } else if (arrays.caller(rows.region()) instanceof IntArray ints) {
      RowTransfer.ids(segment, firstId(chunk), ids(chunk), ints);
    }
  }

  void out(MoeCall call, LayerArrays arrays, Chunk chunk) {
    MemorySegment segment = call.memory(rows.region());
    if (segment == null) {
      return;
    }
    if (arrays.caller(rows.region()) instanceof FloatArray floats) {
      transfer().out(floats, segment, firstRow(chunk), rowCount(chunk));
    } else if (arrays.caller(rows.region()) instanceof IntArray ints) {
      RowTransfer.idsOut(ints, segment, firstId(chunk), ids(chunk));
    }
  }

  /// The rows of a call where they are, if the device takes them from there and gives them there.
  ///
  /// @param pinned what it reads and writes itself
  Optional<HostRows> lying(MoeCall call, LayerArrays arrays, Chunk chunk, PinnedMemory pinned) {
    MemorySegment segment = call.memory(rows.region());
    boolean isOneRun = rows.type().bytes() == Float.BYTES && rows.stride() == rows.width();
    if (segment == null
        || !isOneRun
        || !(arrays.caller(rows.region()) instanceof TornadoNativeArray array)) {
      return Optional.empty();
    }
    MemorySegment own = segment.asSlice(firstId(chunk) * Float.BYTES, ids(chunk) * Float.BYTES);
    return pinned.holds(own) ? Optional.of(new HostRows(array, own)) : Optional.empty();
  }

  private RowTransfer transfer() {
    return new RowTransfer(rows.type(), rows.width(), rows.stride());
  }

  private int firstRow(Chunk chunk) {
    return chunk.firstToken() * rows.rowsPerToken();
  }

  private int rowCount(Chunk chunk) {
    return Math.toIntExact(rows.rows(chunk.tokens()));
  }

  private long firstId(Chunk chunk) {
    return (long) firstRow(chunk) * rows.width();
  }

  private long ids(Chunk chunk) {
    return (long) rowCount(chunk) * rows.width();
  }
}
