package dev.tornadomoe.tornado;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/// One session's calls of a device that has some of the experts, while the host computes the
/// others. What they read and write is theirs, or their device session's: a call that fails in the
/// middle may leave one of them running.
final class OffloadCalls implements AutoCloseable {
  private final GuardedSession device;
  private final List<MoeLayer> layers;

  /// For each layer what [SumSteps#elsewhere] says.
  private final List<int[]> elsewhere;

  private final DeviceWork work;
  private final Arena arena = Arena.ofShared();
  private final MoeCall call = new MoeCall();

  /// Rows `[M, H]`, and the device's results `[M, H]`.
  private final MemorySegment input;

  private final MemorySegment output;

  /// `[M, k]`.
  private final MemorySegment ids;

  private final MemorySegment weights;

  /// Whether the call that was begun has a pair for the device.
  private boolean begun;

  /// How long the device took for it, with its rows' way there and back.
  private long nanos;

  /// @param plan the host's
  /// @param device for [SumSteps#onDevice] of these layers; closed with this
  /// @param layers as the device has some of them
  /// @param errands who waits for the device
  OffloadCalls(MoePlan plan, GuardedSession device, List<MoeLayer> layers, Executor errands) {
    this.work = new DeviceWork(errands);
    this.device = device;
    this.layers = layers;
    this.elsewhere = layers.stream().map(SumSteps::elsewhere).toList();
    long rowBytes = rowBytes(device.plan());
    long pairBytes = pairBytes(device.plan());
    long most = plan.options().chunkTokens();
    this.input = memory(most * rowBytes);
    this.output = memory(most * rowBytes);
    this.ids = memory(most * pairBytes);
    this.weights = memory(most * pairBytes);
  }

  /// Where the device itself reads and writes, if it has such memory.
  private MemorySegment memory(long bytes) {
    return device.rowMemory(bytes).orElseGet(() -> arena.allocate(bytes, 64));
  }

  /// What they take on the host beside the device session's own.
  ///
  /// @param onDevice the plan on the device
  static long bytes(MoePlan plan, MoePlan onDevice) {
    return 2L * plan.options().chunkTokens() * (rowBytes(onDevice) + pairBytes(onDevice));
  }

  /// Where the device leaves its sums, if they have room there.
  ///
  /// @param bytes of the rows that [#await] writes
  Optional<MemorySegment> results(long bytes) {
    return bytes <= output.byteSize() ? Optional.of(output.asSlice(0, bytes)) : Optional.empty();
  }

  private static long rowBytes(MoePlan onDevice) {
    return onDevice.layers().stream().mapToLong(KeptRows::bytesOfRow).max().orElse(0);
  }

  private static long pairBytes(MoePlan onDevice) {
    return onDevice.layers().stream().mapToLong(MoeLayer::topK).max().orElse(0) * Integer.BYTES;
  }

  /// Begins a layer's call.
  ///
  /// @param layerIndex in the device's plan
  /// @param from F32 `[M, H]`
  /// @param chosen I32 `[M, k]`
  /// @param by `[M, k]`, or null for ones
  void begin(int layerIndex, int tokens, BufferRef from, BufferRef chosen, @Nullable BufferRef by) {
    MoeLayer layer = layers.get(layerIndex);
    work.settle(); // a call that failed in the middle has left its memory in use
    begun = choose(layerIndex, tokens, chosen);
    if (!begun) {
      return;
    }
    int pairs = tokens * layer.topK();
    long rowBytes = tokens * KeptRows.bytesOfRow(layer);
    MemorySegment.copy(from.segment(), from.offset(), input, 0, rowBytes);
    if (by == null) {
      for (int pair = 0; pair < pairs; pair++) {
        weights.setAtIndex(ValueLayout.JAVA_FLOAT, pair, 1);
      }
    } else {
      MemorySegment.copy(by.segment(), by.offset(), weights, 0, (long) pairs * Float.BYTES);
    }
    work.begin(() -> run(layerIndex, tokens, rowBytes, (long) pairs * Integer.BYTES));
  }

  /// Copies ids, in the place of those that are not on the device some that are not either.
  ///
  /// @return whether one of them is there
  private boolean choose(int layerIndex, int tokens, BufferRef chosen) {
    ExpertMap map = layers.get(layerIndex).experts().map();
    int[] others = elsewhere.get(layerIndex);
    boolean some = false;
    for (int pair = 0; pair < tokens * others.length; pair++) {
      int id = chosen.getInt(pair);
      boolean there = map.localOf(id) >= 0;
      ids.setAtIndex(ValueLayout.JAVA_INT, pair, there ? id : others[pair % others.length]);
      some |= there;
    }
    return some;
  }

  private void run(int layerIndex, int tokens, long rowBytes, long pairBytes) {
    long start = System.nanoTime();
    device.run(
        call.layer(layerIndex)
            .hidden(input.asSlice(0, rowBytes), tokens)
            .output(output.asSlice(0, rowBytes))
            .routing(ids.asSlice(0, pairBytes), weights.asSlice(0, pairBytes)));
    nanos = System.nanoTime() - start;
  }

  /// Waits for the call that was begun.
  ///
  /// @param target `[M, H]`, all of which is written
  /// @throws dev.tornadomoe.MoeException when the device has failed
  void await(int layerIndex, int tokens, BufferRef target) {
    long bytes = tokens * KeptRows.bytesOfRow(layers.get(layerIndex));
    if (begun) {
      awaitDevice(layerIndex);
      if (target.segment().address() + target.offset() != output.address()) {
        MemorySegment.copy(output, 0, target.segment(), target.offset(), bytes);
      }
    } else {
      target.segment().asSlice(target.offset(), bytes).fill((byte) 0);
    }
  }

  private void awaitDevice(int layerIndex) {
    try {
      work.await();
    } catch (MoeException e) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "layer %d: the experts on the device failed: %s; the call's output is not complete:"
                  + " call again, or prepare the whole layers for the CPU where the device is lost",
              layers.get(layerIndex).index(),
              e.getMessage()),
          e);
    }
  }

  /// How long the device took for the call that was awaited last.
  long nanos() {
    return begun ? nanos : 0;
  }

  @Override
  public void close() {
    work.settle();
    try (arena) {
      device.close();
    }
  }
}
