package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// One session's calls of experts that are on a device, with what they take on the host.
final class DeviceCalls implements AutoCloseable {
  private final GuardedSession device;
  private final Arena arena = Arena.ofShared();
  private final MoeCall call = new MoeCall();

  /// As the device gets them `[T, k]`, of as many tokens as there can be.
  private final MemorySegment ids;

  /// Weights where the device is to weight nothing, of the tokens of a call.
  private final MemorySegment ones;

  /// @param device for the host's layers as it has them; it is closed with this
  /// @param tokens the most whose experts are noted at once
  DeviceCalls(GuardedSession device, int tokens) {
    this.device = device;
    long pairs = pairs(device.plan(), device.plan().options().maxTokens());
    this.ids = rows(pairs(device.plan(), tokens) * Integer.BYTES);
    this.ones = rows(pairs * Float.BYTES);
    for (long i = 0; i < pairs; i++) {
      ones.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1);
    }
  }

  /// What they will take on the host.
  ///
  /// @param onDevice the plan on the device
  /// @param tokens the most whose experts are noted at once
  static long bytes(MoePlan onDevice, int tokens) {
    return pairs(onDevice, tokens) * Integer.BYTES
        + pairs(onDevice, onDevice.options().maxTokens()) * Float.BYTES;
  }

  private static long pairs(MoePlan onDevice, int tokens) {
    int topK = onDevice.layers().stream().mapToInt(MoeLayer::topK).max().orElse(0);
    return (long) tokens * topK;
  }

  /// Memory that goes with this, for rows that the device may read and write where they are.
  MemorySegment rows(long bytes) {
    return device.rowMemory(bytes).orElseGet(() -> allocate(bytes));
  }

  /// Memory that goes with this.
  MemorySegment allocate(long bytes) {
    return arena.allocate(bytes, 64);
  }

  /// The most tokens of a call.
  int mostTokens() {
    return device.plan().options().maxTokens();
  }

  /// How many tokens of a layer are worth a call of their own.
  int worthwhileTokens(int layerIndex) {
    return device.worthwhileTokens(layerIndex);
  }

  /// Whether calls have to come from the thread of the first.
  boolean areBoundToThread() {
    return device.isBoundToThread();
  }

  /// Notes an expert.
  ///
  /// @param pair `token*k + slot`
  /// @param expert by the numbers of the device's layer
  void choose(int pair, int expert) {
    ids.setAtIndex(ValueLayout.JAVA_INT, pair, expert);
  }

  /// Runs the experts that were chosen for some tokens.
  ///
  /// @param first of them, among those whose experts are noted
  /// @param input rows `[tokens, H]`
  /// @param weights `[tokens, k]`, or null for ones
  /// @param output rows `[tokens, H]`
  void run(
      int layerIndex,
      int first,
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
                ids.asSlice((long) first * topK * Integer.BYTES, pairBytes),
                weights == null ? ones.asSlice(0, pairBytes) : weights));
  }

  @Override
  public void close() {
    try (arena) {
      device.close();
    }
  }
}
