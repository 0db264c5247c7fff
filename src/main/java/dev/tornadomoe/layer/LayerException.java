package dev.tornadomoe.layer;

import dev.tornadomoe.MoeException;

/// A layer that can't be: more experts per token than experts, matrices that do not fit each other,
/// an unknown model type. The message says what was expected and what was found.
public final class LayerException extends MoeException {
  private static final long serialVersionUID = 1L;

  /// A layer that contradicts itself or can't be computed.
  ///
  /// @param message the whole sentence, with the layer's index in it
  public LayerException(String message) {
    super(message);
  }

  /// A failure that another one led to.
  ///
  /// @param message the whole sentence, with the layer's index in it
  /// @param cause what led to it
  public LayerException(String message, Throwable cause) {
    super(message, cause);
  }
}
