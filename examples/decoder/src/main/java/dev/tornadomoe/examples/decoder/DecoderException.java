package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.MoeException;
import java.util.Locale;

/// Something that this example can't do, in one sentence.
public final class DecoderException extends MoeException {
  private static final long serialVersionUID = 1L;

  /// A sentence, with names and figures in it.
  ///
  /// @param format and what is put into it, as in [String#format]
  @SuppressWarnings("AnnotateFormatMethod") // the annotation would be a dependency
  public DecoderException(String format, Object... values) {
    super(String.format(Locale.ROOT, format, values));
  }
}
