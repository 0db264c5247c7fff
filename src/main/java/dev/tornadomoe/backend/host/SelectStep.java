package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.Gating;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SparseMixer;
import dev.tornadomoe.layer.TopKGating;

/// Chooses each token's experts from its router logits.
final class SelectStep implements HostStep {
  private final int layerIndex;
  private final TokenGating gating;
  private final boolean custom;
  private final BufferRef logits;
  private final BufferRef ids;
  private final BufferRef weights;
  private final float[] tokenLogits;
  private final int[] tokenIds;
  private final float[] tokenWeights;

  /// The gating of one token.
  interface TokenGating {

    /// Fills ids and weights.
    void choose(float[] logits, int[] ids, float[] weights);
  }

  SelectStep(StepContext context, BufferRef logits, BufferRef ids, BufferRef weights) {
    Router router = context.layer().router();
    if (router == null) {
      throw new BackendException(
          "layer %d has no router to select by".formatted(context.layer().index()));
    }
    Gating kind = router.gating();
    this.layerIndex = context.layer().index();
    this.custom = kind instanceof CustomGating;
    this.gating =
        switch (kind) {
          case TopKGating topK -> new TopKChoice(topK, router);
          case SparseMixer mixer -> new SparseMixerChoice(mixer.jitter());
          case CustomGating user -> user.function()::route;
        };
    this.logits = logits;
    this.ids = ids;
    this.weights = weights;
    this.tokenLogits = new float[router.experts()];
    this.tokenIds = new int[router.topK()];
    this.tokenWeights = new float[router.topK()];
  }

  @Override
  public void run(int tokens) {
    for (int token = 0; token < tokens; token++) {
      logits.readRow(token, tokenLogits, 0, tokenLogits.length);
      gating.choose(tokenLogits, tokenIds, tokenWeights);
      if (custom) {
        requireDistinct(token);
      }
      for (int slot = 0; slot < tokenIds.length; slot++) {
        ids.setInt((long) token * tokenIds.length + slot, tokenIds[slot]);
        weights.setFloat(token, slot, tokenWeights[slot]);
      }
    }
  }

  private void requireDistinct(int token) {
    for (int slot = 0; slot < tokenIds.length; slot++) {
      int id = tokenIds[slot];
      if (id < 0 || id >= tokenLogits.length) {
        throw new BackendException(
            "layer %d: the routing function chose expert %d for token %d, expected 0 to %d"
                .formatted(layerIndex, id, token, tokenLogits.length - 1));
      }
      for (int earlier = 0; earlier < slot; earlier++) {
        if (tokenIds[earlier] == id) {
          throw new BackendException(
              "layer %d: the routing function chose expert %d twice for token %d"
                  .formatted(layerIndex, id, token));
        }
      }
    }
  }
}
