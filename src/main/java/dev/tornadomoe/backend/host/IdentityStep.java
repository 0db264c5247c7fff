package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.MoeLayer;

/// Experts that return their input: each token's row times the sum of the weights with which it
/// chose such experts, summed in double in the order of selection.
final class IdentityStep implements HostStep {
  private final int hidden;
  private final int topK;
  private final int firstIdentity;
  private final BufferRef input;
  private final BufferRef ids;
  private final BufferRef weights;
  private final BufferRef target;

  IdentityStep(
      MoeLayer layer, BufferRef input, BufferRef ids, BufferRef weights, BufferRef target) {
    this.hidden = layer.hidden();
    this.topK = layer.topK();
    this.firstIdentity = layer.globalExperts() - layer.identityExperts();
    this.input = input;
    this.ids = ids;
    this.weights = weights;
    this.target = target;
  }

  @Override
  public void run(int tokens) {
    for (int token = 0; token < tokens; token++) {
      float factor = (float) factor(token);
      for (int column = 0; column < hidden; column++) {
        // A token without such experts gets zeros even where its row is no number.
        target.setFloat(token, column, factor == 0 ? 0 : factor * input.getFloat(token, column));
      }
    }
  }

  private double factor(int token) {
    double factor = 0;
    for (int slot = 0; slot < topK; slot++) {
      if (ids.getInt((long) token * topK + slot) >= firstIdentity) {
        factor += weights.getFloat(token, slot);
      }
    }
    return factor;
  }
}
