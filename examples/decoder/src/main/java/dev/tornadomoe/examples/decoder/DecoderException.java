package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.MoeException;

/// Something that this example can't do, in one sentence.
public final class DecoderException extends MoeException {
  private static final long serialVersionUID = 1L;

  public DecoderException(String message) {
    super(message);
  }
}
