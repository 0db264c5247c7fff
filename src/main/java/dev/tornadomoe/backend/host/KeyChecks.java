package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.layer.TokenKey;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;

/// Checks what routers ask of each token beside its hidden states: that it is there, and that each
/// number is one that they know. Asked at every call, so nothing here allocates.
final class KeyChecks {
  private final MoePlan plan;

  /// By the layer's index in the plan.
  private final TokenKey[][] keys;

  KeyChecks(MoePlan plan) {
    this.plan = plan;
    this.keys = new TokenKey[plan.layers().size()][];
    for (int layer = 0; layer < keys.length; layer++) {
      keys[layer] = plan.keys(layer).toArray(TokenKey[]::new);
    }
  }

  /// @throws BackendException for a call that brings none
  void requireThere(MoeCall call) {
    for (TokenKey key : keys[call.layer()]) {
      CallerRegion region = CallerRegion.of(key.kind());
      if (call.memory(region) == null) {
        throw new BackendException(
            String.format(
                Locale.ROOT,
                "the call has no %s, by which %s chooses experts; MoeCall takes one for each token",
                region,
                where(call)));
      }
    }
  }

  /// Of a call whose memory has been checked.
  ///
  /// @throws BackendException for a number that is out of range
  void requireInRange(MoeCall call) {
    for (TokenKey key : keys[call.layer()]) {
      CallerRegion region = CallerRegion.of(key.kind());
      MemorySegment values = call.memory(region);
      for (int token = 0; values != null && token < call.tokens(); token++) {
        int value = values.get(ValueLayout.JAVA_INT_UNALIGNED, token * 4L);
        if (value < 0 || value >= key.count()) {
          throw new BackendException(
              String.format(
                  Locale.ROOT,
                  "%s has %d for token %d, expected 0 to %d, which are those of %s",
                  region,
                  value,
                  token,
                  key.count() - 1,
                  where(call)));
        }
      }
    }
  }

  private String where(MoeCall call) {
    return plan.options().call().wholeStep()
        ? "a layer of the plan"
        : "layer " + plan.layers().get(call.layer()).index();
  }
}
