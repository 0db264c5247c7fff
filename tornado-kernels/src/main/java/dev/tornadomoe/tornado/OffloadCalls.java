package dev.tornadomoe.tornado;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.cpu.HostThreads;
import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tornado.OffloadLayers.Piece;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Executor;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// One session's calls of a device that has some of the experts, while the host computes the others
/// or has them go through the device as well. What they read and write is theirs, or their device
/// session's: a call that fails in the middle may leave one of them running.
final class OffloadCalls implements AutoCloseable {
  /// Elements that a thread adds at once.
  private static final long ADDED = 32 << 10;

  private final GuardedSession device;
  private final MoePlan plan;
  private final OffloadLayers layers;

  /// As [OffloadLayers#elsewhere] says.
  private final List<int[]> elsewhere;

  private final DeviceWork work;
  private final HostThreads threads;
  private final Arena arena = Arena.ofShared();
  private final MoeCall call = new MoeCall();

  /// Rows `[M, H]`, and the device's results `[M, H]`.
  private final MemorySegment input;

  private final MemorySegment output;

  /// What the pieces that went through the device make together `[M, H]`, and what one of them
  /// does, where there are any.
  private final MemorySegment streamed;

  private final MemorySegment more;

  /// `[M, k]`.
  private final MemorySegment ids;

  private final MemorySegment weights;

  /// Whether the call that was begun has a pair for the device.
  private boolean begun;

  /// How long the device took for it, with its rows' way there and back.
  private long nanos;

  /// The same for what went through it.
  private long streamNanos;

  /// @param plan the host's
  /// @param device for the plan of these layers; closed with this
  /// @param layers what the device computes
  /// @param errands who waits for the device
  /// @param threads that copy rows
  OffloadCalls(
      MoePlan plan,
      GuardedSession device,
      OffloadLayers layers,
      Executor errands,
      HostThreads threads) {
    this.work = new DeviceWork(errands);
    this.threads = threads;
    this.device = device;
    this.plan = plan;
    this.layers = layers;
    this.elsewhere = layers.elsewhere();
    long rowBytes = rowBytes(device.plan());
    long pairBytes = pairBytes(device.plan());
    long most = plan.options().chunkTokens();
    this.input = memory(most * rowBytes);
    this.output = memory(most * rowBytes);
    long streamedBytes = layers.pieces().isEmpty() ? 0 : most * rowBytes;
    this.streamed = memory(streamedBytes);
    this.more = memory(streamedBytes);
    this.ids = memory(most * pairBytes);
    this.weights = memory(most * pairBytes);
  }

  /// Where the device itself reads and writes, if it has such memory.
  private MemorySegment memory(long bytes) {
    return device.rowMemory(bytes).orElseGet(() -> arena.allocate(bytes, 64));
  }

  /// What they take on the host beside the device session's own.
  ///
  /// @param layers what the device computes
  /// @param onDevice the plan on the device
  static long bytes(MoePlan plan, OffloadLayers layers, MoePlan onDevice) {
    int kinds = layers.pieces().isEmpty() ? 2 : 4;
    return plan.options().chunkTokens() * (kinds * rowBytes(onDevice) + 2 * pairBytes(onDevice));
  }

  /// Where the device leaves its sums.
  ///
  /// @param bytes of the rows that [#await] writes
  MemorySegment results(long bytes) {
    return output.asSlice(0, bytes);
  }

  /// Where the sums of what went through the device are.
  ///
  /// @param bytes of the rows that [#stream] writes
  MemorySegment streamed(long bytes) {
    return streamed.asSlice(0, bytes);
  }

  private static long rowBytes(MoePlan onDevice) {
    return onDevice.layers().stream().mapToLong(KeptRows::bytesOfRow).max().orElse(0);
  }

  private static long pairBytes(MoePlan onDevice) {
    return onDevice.layers().stream().mapToLong(MoeLayer::topK).max().orElse(0) * Integer.BYTES;
  }

  /// Begins the call of a layer of which the device has some experts.
  ///
  /// @param layerIndex in the host's plan
  /// @param from F32 `[M, H]`
  /// @param chosen I32 `[M, k]`
  /// @param by `[M, k]`, or null for ones
  void begin(int layerIndex, int tokens, BufferRef from, BufferRef chosen, @Nullable BufferRef by) {
    int place = layers.resident(layerIndex);
    work.settle(); // a call that failed in the middle has left its memory in use
    begun = choose(place, layers.residents().get(place).layer().experts().map(), tokens, chosen);
    if (begun) {
      take(layerIndex, tokens, from, by);
      work.begin(() -> nanos = run(place, tokens, output));
    }
  }

  /// Copies rows and weights to where the device reads them.
  private void take(int layerIndex, int tokens, BufferRef from, @Nullable BufferRef by) {
    int pairs = tokens * plan.layers().get(layerIndex).topK();
    long bytes = rowBytes(layerIndex, tokens);
    threads.copy(from.segment().asSlice(from.offset(), bytes), input.asSlice(0, bytes));
    if (by == null) {
      for (int pair = 0; pair < pairs; pair++) {
        weights.setAtIndex(ValueLayout.JAVA_FLOAT, pair, 1);
      }
    } else {
      MemorySegment.copy(by.segment(), by.offset(), weights, 0, (long) pairs * Float.BYTES);
    }
  }

  private long rowBytes(int layerIndex, int tokens) {
    return tokens * KeptRows.bytesOfRow(plan.layers().get(layerIndex));
  }

  /// Copies ids as one of the device's layers numbers them, in the place of those that it does not
  /// have some that are not there either.
  ///
  /// @param map from the router's numbers to the layer's own
  /// @return whether one of them is there
  private boolean choose(int place, ExpertMap map, int tokens, BufferRef chosen) {
    int[] others = elsewhere.get(place);
    boolean isPiece = place >= layers.residents().size();
    boolean some = false;
    for (int pair = 0; pair < tokens * others.length; pair++) {
      int id = chosen.getInt(pair);
      int local = map.localOf(id);
      int own = isPiece ? local : id;
      ids.setAtIndex(ValueLayout.JAVA_INT, pair, local >= 0 ? own : others[pair % others.length]);
      some |= local >= 0;
    }
    return some;
  }

  /// @return nanoseconds that it took
  private long run(int place, int tokens, MemorySegment target) {
    long start = System.nanoTime();
    MoeLayer layer = device.plan().layers().get(place);
    long rowBytes = tokens * KeptRows.bytesOfRow(layer);
    long pairBytes = (long) tokens * layer.topK() * Integer.BYTES;
    device.run(
        call.layer(place)
            .hidden(input.asSlice(0, rowBytes), tokens)
            .output(target.asSlice(0, rowBytes))
            .routing(ids.asSlice(0, pairBytes), weights.asSlice(0, pairBytes)));
    return System.nanoTime() - start;
  }

  /// Has the host's experts of a layer go through the device, behind what was begun, and waits for
  /// all of it. The first weights go up while the device has what was begun.
  ///
  /// @param layerIndex in the host's plan
  /// @param from F32 `[M, H]`
  /// @param chosen I32 `[M, k]`
  /// @param by `[M, k]`, or null for ones
  /// @param target `[M, H]`, all of which is written
  /// @throws dev.tornadomoe.MoeException when the device has failed
  void stream(
      int layerIndex,
      int tokens,
      BufferRef from,
      BufferRef chosen,
      @Nullable BufferRef by,
      BufferRef target) {
    if (layers.resident(layerIndex) < 0 || !begun) {
      work.settle();
      take(layerIndex, tokens, from, by);
    }
    long bytes = rowBytes(layerIndex, tokens);
    streamNanos = 0;
    long[] lastOfHalf = new long[2];
    boolean isFirst = true;
    for (int place : layers.pieces(layerIndex)) {
      Piece piece = layers.piece(place);
      if (hasPairs(piece.map(), layerIndex, tokens, chosen)) {
        awaitDevice(layerIndex, lastOfHalf[piece.half()]);
        bringUp(layerIndex, place, tokens);
        boolean adds = !isFirst;
        lastOfHalf[piece.half()] =
            work.begin(() -> runPiece(place, tokens, chosen, adds, bytes / Float.BYTES));
        isFirst = false;
      }
    }
    if (isFirst) {
      streamed.asSlice(0, bytes).fill((byte) 0);
    }
    awaitDevice(layerIndex);
    copyUnlessThere(streamed, target, bytes);
  }

  private boolean hasPairs(ExpertMap map, int layerIndex, int tokens, BufferRef chosen) {
    int pairs = tokens * plan.layers().get(layerIndex).topK();
    return IntStream.range(0, pairs).anyMatch(pair -> map.localOf(chosen.getInt(pair)) >= 0);
  }

  /// What was begun goes on meanwhile; where this fails it is over, too.
  private void bringUp(int layerIndex, int place, int tokens) {
    try {
      device.bringUp(place, tokens);
    } catch (MoeException e) {
      work.settle();
      throw failed(layerIndex, e);
    } catch (RuntimeException | Error e) {
      work.settle();
      throw e;
    }
  }

  /// Pieces come one after the other, and their sums are added in this order.
  private void runPiece(int place, int tokens, BufferRef chosen, boolean adds, long elements) {
    choose(place, layers.piece(place).map(), tokens, chosen);
    streamNanos += run(place, tokens, adds ? more : streamed);
    if (adds) {
      addMore(elements);
    }
  }

  private void addMore(long elements) {
    threads.run(
        Math.toIntExact(Math.ceilDiv(elements, ADDED)),
        item -> addMore(item * ADDED, Math.min((item + 1) * ADDED, elements)));
  }

  private void addMore(long first, long end) {
    for (long i = first; i < end; i++) {
      float sum =
          streamed.getAtIndex(ValueLayout.JAVA_FLOAT, i)
              + more.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      streamed.setAtIndex(ValueLayout.JAVA_FLOAT, i, sum);
    }
  }

  private static void copyUnlessThere(MemorySegment rows, BufferRef target, long bytes) {
    if (target.segment().address() + target.offset() != rows.address()) {
      MemorySegment.copy(rows, 0, target.segment(), target.offset(), bytes);
    }
  }

  /// Waits for the call that was begun.
  ///
  /// @param layerIndex in the host's plan
  /// @param target `[M, H]`, all of which is written
  /// @throws dev.tornadomoe.MoeException when the device has failed
  void await(int layerIndex, int tokens, BufferRef target) {
    long bytes = rowBytes(layerIndex, tokens);
    if (begun) {
      awaitDevice(layerIndex);
      copyUnlessThere(output, target, bytes);
    } else {
      target.segment().asSlice(target.offset(), bytes).fill((byte) 0);
    }
  }

  private void awaitDevice(int layerIndex) {
    try {
      work.await();
    } catch (MoeException e) {
      throw failed(layerIndex, e);
    }
  }

  /// The same for the first so many that were begun.
  private void awaitDevice(int layerIndex, long count) {
    try {
      work.await(count);
    } catch (MoeException e) {
      throw failed(layerIndex, e);
    }
  }

  private BackendException failed(int layerIndex, MoeException why) {
    return new BackendException(
        String.format(
            Locale.ROOT,
            "layer %d: the experts on the device failed: %s; the call's output is not complete:"
                + " call again, or prepare the whole layers for the CPU where the device is lost",
            plan.layers().get(layerIndex).index(),
            why.getMessage()),
        why);
  }

  /// How long the device took for the call that was awaited last.
  long nanos() {
    return begun ? nanos : 0;
  }

  /// The same for what went through it last.
  long streamNanos() {
    return streamNanos;
  }

  @Override
  public void close() {
    work.settle();
    try (arena) {
      device.close();
    }
  }
}
