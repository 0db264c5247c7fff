package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import java.util.Arrays;
import java.util.Map;

/// A loaded model and one sequence: tokens go in, logits come out. For one thread.
public abstract class Decoder implements AutoCloseable {

  /// How a model is loaded.
  ///
  /// @param positions of the longest sequence
  /// @param chunk the most tokens that go through the model at once
  /// @param alias whether experts write the residual stream themselves; otherwise they are copied
  /// @param progress hears how far loading the experts is
  public record Options(int positions, int chunk, boolean alias, Progress progress) {}

  protected final DecoderModel model;
  protected final Options options;

  /// Of the model's MoE layers.
  protected final MoePlan plan;

  /// Of the sequence.
  protected int length;

  protected Decoder(DecoderModel model, Options options) {
    this.model = model;
    this.options = options;
    plan =
        Planner.builder()
            .maxTokens(options.chunk())
            .residual(Residual.IN_OUTPUT) // x = x + moe(normed)
            .outputAliasing(options.alias() ? AliasMode.REQUIRE : AliasMode.OFF)
            .build()
            .plan(model.layers().stream().map(DecoderModel.Layer::moe).toList());
  }

  /// Puts tokens behind those so far.
  ///
  /// @return the logits of the last one `[vocabulary]`
  /// @throws dev.tornadomoe.backend.CallInterruptedException when the thread is interrupted; the
  ///   sequence then is as long as it was
  public final float[] advance(int... ids) {
    if (ids.length > options.positions() - length) {
      throw new DecoderException(
          "there is room for " + options.positions() + " tokens, found " + (length + ids.length));
    }
    float[] logits = {};
    for (int from = 0; from < ids.length; from += options.chunk()) {
      int end = Math.min(ids.length, from + options.chunk());
      logits = run(length + from, Arrays.copyOfRange(ids, from, end));
    }
    length += ids.length;
    return logits;
  }

  /// {@return the rows `[tokens, H]` that the model begins with}
  protected final float[] embed(int... ids) {
    int hidden = model.config().hidden();
    float[] rows = new float[ids.length * hidden];
    for (int t = 0; t < ids.length; t++) {
      model.embedding().decodeRow(ids[t], rows, t * hidden);
    }
    return rows;
  }

  /// Runs a chunk of tokens through the model, the first of them at a position.
  ///
  /// @return the logits of the last one
  protected abstract float[] run(int position, int... ids);

  /// Runs a step of one token, which does not become part of the sequence.
  ///
  /// @return how long its parts took, in ns, by names that begin with `moe` for the MoE layers
  public abstract Map<String, Long> profile();

  /// {@return how many copies into outputs of MoE layers there were, which an alias saves}
  public abstract long copies();

  @Override
  public abstract void close();
}
