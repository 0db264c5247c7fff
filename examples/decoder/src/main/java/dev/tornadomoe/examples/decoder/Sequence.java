package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.backend.CallInterruptedException;
import java.util.Arrays;

/// Where a sequence is, and what may come next.
public final class Sequence {
  private final int positions;
  private final int vocabulary;
  private int length;

  /// An empty sequence.
  ///
  /// @param positions for how many tokens there is room
  public Sequence(int positions, int vocabulary) {
    this.positions = positions;
    this.vocabulary = vocabulary;
  }

  /// How many tokens it has.
  public int length() {
    return length;
  }

  /// What runs tokens, which then are part of the sequence.
  @FunctionalInterface
  public interface Run {

    /// Runs those that come next.
    void run(int... ids) throws InterruptedException;
  }

  /// Makes it longer.
  ///
  /// @param chunk the most tokens that are run at once
  /// @throws DecoderException where there is no room for the tokens, or no such token
  /// @throws InterruptedException when the thread was interrupted; it then is as long as it was
  public void grow(int chunk, Run run, int... ids) throws InterruptedException {
    requireRoom(ids);
    int before = length;
    try {
      for (int from = 0; from < ids.length; from += chunk) {
        if (Thread.interrupted()) {
          throw new InterruptedException();
        }
        int[] some = Arrays.copyOfRange(ids, from, Math.min(ids.length, from + chunk));
        run.run(some);
        length += some.length;
      }
    } catch (InterruptedException e) {
      length = before;
      throw e;
    } catch (CallInterruptedException e) { // in the middle of a layer
      length = before;
      Thread.interrupted();
      throw (InterruptedException) new InterruptedException().initCause(e);
    }
  }

  /// Makes it shorter.
  ///
  /// @param to the new length, not more than the old one
  public void shorten(int to) {
    if (to < 0 || to > length) {
      throw new DecoderException("the sequence has %d tokens and can't have %d", length, to);
    }
    length = to;
  }

  /// Refuses what there is no room for, and what is no token.
  ///
  /// @throws DecoderException for tokens that can't come next
  public void requireRoom(int... ids) {
    if (ids.length == 0) {
      throw new DecoderException("there are no tokens to go on with");
    }
    if (length + ids.length > positions) {
      throw new DecoderException(
          "there is room for %d tokens, found %d", positions, length + ids.length);
    }
    for (int id : ids) {
      if (id < 0 || id >= vocabulary) {
        throw new DecoderException(
            "token %d is not in the vocabulary, expected 0 to %d", id, vocabulary - 1);
      }
    }
  }
}
