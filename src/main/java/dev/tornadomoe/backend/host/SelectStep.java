package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.modular.RouteOperation;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Chooses each token's experts from its router logits.
final class SelectStep implements HostStep {
  private final TokenGating gating;
  private final BufferRef logits;
  private final @Nullable BufferRef keys;
  private final BufferRef ids;
  private final BufferRef weights;
  private final float[] tokenLogits;
  private final int[] tokenIds;
  private final float[] tokenWeights;

  SelectStep(StepContext context, RouteOperation.SelectExperts select) {
    Router router = context.layer().router();
    if (router == null) {
      throw new BackendException(
          String.format(
              Locale.ROOT, "layer %d has no router to select by", context.layer().index()));
    }
    this.gating = TokenGating.of(router);
    this.logits = context.buffer(select.logits());
    this.keys = context.bufferOrNull(select.key());
    this.ids = context.buffer(select.ids());
    this.weights = context.buffer(select.weights());
    this.tokenLogits = new float[router.experts()];
    this.tokenIds = new int[router.topK()];
    this.tokenWeights = new float[router.topK()];
  }

  @Override
  public void run(int tokens) {
    for (int token = 0; token < tokens; token++) {
      logits.readRow(token, tokenLogits, 0, tokenLogits.length);
      int key = keys == null ? 0 : keys.getInt(token);
      gating.choose(tokenLogits, key, tokenIds, tokenWeights);
      for (int slot = 0; slot < tokenIds.length; slot++) {
        ids.setInt((long) token * tokenIds.length + slot, tokenIds[slot]);
        weights.setFloat(token, slot, tokenWeights[slot]);
      }
    }
  }
}
