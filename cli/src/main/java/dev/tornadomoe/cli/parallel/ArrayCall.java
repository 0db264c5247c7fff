package dev.tornadomoe.cli.parallel;

import dev.tornadomoe.backend.MoeCall;
import java.lang.foreign.MemorySegment;

/// Calls whose memory is in Java arrays.
public final class ArrayCall {
  private ArrayCall() {}

  /// A call of layer 0.
  ///
  /// @param input `[tokens, H]`
  /// @param output `[tokens, H]`, or with k rows for each token
  /// @param extras what it brings beside; states of routers in it are overwritten
  public static MoeCall of(float[] input, int tokens, float[] output, TokenExtras extras) {
    MoeCall call =
        new MoeCall()
            .hidden(MemorySegment.ofArray(input), tokens)
            .output(MemorySegment.ofArray(output));
    extras.addTo(call);
    return call;
  }
}
