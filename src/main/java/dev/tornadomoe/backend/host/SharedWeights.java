package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.BackendException;

/// Counts the sessions on one set of weights, and gives the weights back with the last.
final class SharedWeights {
  private final LoadedWeights weights;
  private int sessions = 1;

  SharedWeights(LoadedWeights weights) {
    this.weights = weights;
  }

  LoadedWeights get() {
    return weights;
  }

  synchronized SharedWeights retain() {
    if (sessions == 0) {
      throw new BackendException("the session is closed");
    }
    sessions++;
    return this;
  }

  synchronized void release() {
    sessions--;
    if (sessions == 0) {
      weights.close();
    }
  }
}
