package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.BackendException;

/// Counts the sessions on one set of weights, and gives the weights back with the last.
final class SharedArithmetic {
  private final Arithmetic arithmetic;
  private int sessions = 1;

  SharedArithmetic(Arithmetic arithmetic) {
    this.arithmetic = arithmetic;
  }

  Arithmetic get() {
    return arithmetic;
  }

  synchronized SharedArithmetic retain() {
    if (sessions == 0) {
      throw new BackendException("the session is closed");
    }
    sessions++;
    return this;
  }

  synchronized void release() {
    sessions--;
    if (sessions == 0) {
      arithmetic.close();
    }
  }
}
