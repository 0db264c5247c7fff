package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.backend.CallInterruptedException;
import dev.tornadomoe.backend.Progress;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// A loaded model and one sequence: tokens go in, logits come out. For one thread.
public abstract class Decoder implements AutoCloseable {
  /// Loads a model, which must stay open until the decoder is closed.
  @FunctionalInterface
  public interface Loader {

    /// Loads it.
    ///
    /// @param progress hears how far loading the experts is
    /// @throws dev.tornadomoe.MoeException when it can't run here
    Decoder load(DecoderModel model, DecoderOptions options, Progress progress);
  }

  protected final DecoderModel model;

  /// The most tokens that go through the model at once.
  protected final int chunk;

  private final int positions;
  private int length;

  /// @param positions for how many tokens there is room
  /// @param chunk the most tokens that go through the model at once
  protected Decoder(DecoderModel model, int positions, int chunk) {
    this.model = model;
    this.positions = positions;
    this.chunk = chunk;
  }

  /// Puts tokens behind those so far.
  ///
  /// @return the logits of the last one `[vocabulary]`
  /// @throws DecoderException where there is no room for them, or no such token
  /// @throws InterruptedException when the thread was interrupted; the sequence then is as long as
  ///   it was
  public final float[] advance(int... ids) throws InterruptedException {
    return advance(null, ids);
  }

  /// How long each part of a step takes that has one token, which becomes part of the sequence: in
  /// ns, by names that begin with `moe` for the MoE layers.
  public final Map<String, Long> profile(int id) throws InterruptedException {
    Map<String, Long> nanos = new TreeMap<>();
    advance(nanos, id);
    return nanos;
  }

  private float[] advance(@Nullable Map<String, Long> nanos, int... ids)
      throws InterruptedException {
    model.config().requireTokens(ids);
    if (length + ids.length > positions) {
      throw new DecoderException(
          "there is room for %d tokens, found %d", positions, length + ids.length);
    }
    float[] logits = {};
    for (int from = 0; from < ids.length; from += chunk) {
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
      try {
        int[] some = Arrays.copyOfRange(ids, from, Math.min(ids.length, from + chunk));
        logits = run(length + from, some, nanos);
      } catch (CallInterruptedException e) { // in the middle of a layer
        Thread.interrupted();
        throw (InterruptedException) new InterruptedException().initCause(e);
      }
    }
    length += ids.length;
    return logits;
  }

  /// Runs a chunk through the model.
  ///
  /// @param first the position of its first token
  /// @param nanos gets how long each part took, unless it is null
  /// @return the logits of its last token
  protected abstract float[] run(int first, int[] ids, @Nullable Map<String, Long> nanos);

  /// Copies into outputs of MoE layers so far, which an alias makes unnecessary.
  public abstract long copies();

  /// How many tokens the sequence has.
  public final int length() {
    return length;
  }

  /// Makes the sequence shorter.
  ///
  /// @param to the new length, not more than the old one
  public final void shorten(int to) {
    if (to < 0 || to > length) {
      throw new DecoderException("the sequence has %d tokens and can't have %d", length, to);
    }
    length = to;
  }

  @Override
  public abstract void close();
}
