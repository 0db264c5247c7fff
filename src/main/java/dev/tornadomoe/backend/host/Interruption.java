package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.CallInterruptedException;
import dev.tornadomoe.plan.MoePlan;

/// Ends calls whose thread is interrupted, wherever one asks.
public enum Interruption {
  /// Calls end.
  HEEDED,
  /// Calls are done to the end, and the flag stays for what the thread does next.
  IGNORED;

  /// Whether calls of a plan end early. Where experts are divided among processes, the others wait
  /// for this one's rows.
  public static Interruption of(MoePlan plan) {
    for (int layer = 0; layer < plan.layers().size(); layer++) {
      if (!plan.modularMoe(layer).prepareAndFinalize().isLocal()) {
        return IGNORED;
      }
    }
    return HEEDED;
  }

  /// Asked on the thread that calls.
  ///
  /// @throws CallInterruptedException when it is interrupted; the flag stays set
  public void check() {
    if (this == HEEDED && Thread.currentThread().isInterrupted()) {
      throw new CallInterruptedException(
          "the call's thread was interrupted: its output is not complete, the session can be used"
              + " on");
    }
  }
}
