package dev.tornadomoe.cli.parallel;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.plan.CallerRegion;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/// Calls whose memory is in Java arrays.
public final class ArrayCall {
  private ArrayCall() {}

  /// A call of layer 0.
  ///
  /// @param input `[tokens, H]`
  /// @param output `[tokens, H]`, or with k rows for each token
  /// @param keys what the layer's router asks of each token beside, `[tokens]`
  public static MoeCall of(
      float[] input, int tokens, float[] output, Map<CallerRegion, int[]> keys) {
    MoeCall call =
        new MoeCall()
            .hidden(MemorySegment.ofArray(input), tokens)
            .output(MemorySegment.ofArray(output));
    keys.forEach((region, values) -> call.memory(region, MemorySegment.ofArray(values)));
    return call;
  }
}
