package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// One session's calls of experts that are on a device, with what they take on the host.
final class DeviceCalls implements AutoCloseable {
  private final GuardedSession device;
  private final Arena arena = Arena.ofShared();
  private final MoeCall call = new MoeCall();

  /// As the device gets them `[T, k]`, of the tokens of a call.
  private final MemorySegment ids;

  /// Weights where the device is to weight nothing.
  private final MemorySegment ones;

  /// @param device for the host's layers as it has them; it is closed with this
  DeviceCalls(GuardedSession device) {
    this.device = device;
    long pairs = pairs(device.plan());
    this.ids =
        device
            .ownRows(CallerRegion.TOPK_IDS)
            .orElseGet(() -> arena.allocate(ValueLayout.JAVA_INT, pairs));
    this.ones = arena.allocate(ValueLayout.JAVA_FLOAT, pairs);
    for (long i = 0; i < pairs; i++) {
      ones.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1);
    }
  }

  /// What they will take on the host.
  ///
  /// @param onDevice the plan on the device
  static long bytes(MoePlan onDevice) {
    return pairs(onDevice) * (Integer.BYTES + Float.BYTES);
  }

  private static long pairs(MoePlan onDevice) {
    int topK = onDevice.layers().stream().mapToInt(MoeLayer::topK).max().orElse(0);
    return (long) onDevice.options().maxTokens() * topK;
  }

  /// The device session's own rows of a region, where they have room for so many bytes.
  Optional<MemorySegment> ownRows(CallerRegion region, long bytes) {
    return device
        .ownRows(region)
        .filter(rows -> bytes <= rows.byteSize())
        .map(rows -> rows.asSlice(0, bytes));
  }

  /// Memory that goes with this.
  MemorySegment allocate(long bytes) {
    return arena.allocate(bytes, 64);
  }

  /// The most tokens of a call.
  int mostTokens() {
    return device.plan().options().maxTokens();
  }

  /// Notes an expert for the next call.
  ///
  /// @param pair `token*k + slot`
  /// @param expert by the numbers of the device's layer
  void choose(int pair, int expert) {
    ids.setAtIndex(ValueLayout.JAVA_INT, pair, expert);
  }

  /// Runs the experts that were chosen.
  ///
  /// @param input rows `[tokens, H]`
  /// @param weights `[tokens, k]`, or null for ones
  /// @param output rows `[tokens, H]`
  void run(
      int layerIndex,
      int tokens,
      MemorySegment input,
      @Nullable MemorySegment weights,
      MemorySegment output) {
    int topK = device.plan().layers().get(layerIndex).topK();
    long pairBytes = (long) tokens * topK * Integer.BYTES;
    device.run(
        call.layer(layerIndex)
            .hidden(input, tokens)
            .output(output)
            .routing(
                ids.asSlice(0, pairBytes), weights == null ? ones.asSlice(0, pairBytes) : weights));
  }

  @Override
  public void close() {
    try (arena) {
      device.close();
    }
  }
}
