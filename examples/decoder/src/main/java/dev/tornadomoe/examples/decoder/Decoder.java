package dev.tornadomoe.examples.decoder;

import java.util.List;
import java.util.Map;

/// A loaded model and one sequence: tokens go in, logits come out. For one thread.
public interface Decoder extends AutoCloseable {

  /// Puts tokens behind those so far, in chunks of [DecoderOptions#chunk].
  ///
  /// @return the logits of the last one `[vocabulary]`, valid until the next call
  /// @throws DecoderException where there is no room for them, or no such token
  /// @throws InterruptedException when the thread was interrupted; the sequence then is as long as
  ///   it was
  float[] advance(int... ids) throws InterruptedException;

  /// The tokens so far; made shorter, it is where the next ones go on.
  Sequence sequence();

  /// The ways in which the work of a step can be launched, the one that is used first.
  default List<String> launches() {
    return List.of("calls");
  }

  /// Launches in another way from now on.
  ///
  /// @param way one of [#launches]
  default void launchBy(String way) {}

  /// Copies into outputs of MoE layers so far, which an alias makes unnecessary.
  long copies();

  /// How long each part of a step takes that has one token, which becomes part of the sequence: in
  /// ns, by names that begin with `moe` for the MoE layers.
  Map<String, Long> profile(int id) throws InterruptedException;

  @Override
  void close();
}
