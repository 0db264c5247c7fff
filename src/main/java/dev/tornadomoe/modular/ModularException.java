package dev.tornadomoe.modular;

import dev.tornadomoe.MoeException;

/// Pieces that can't work together, or a layer that none of them can compute. Thrown when the
/// combination is built.
public final class ModularException extends MoeException {
  private static final long serialVersionUID = 1L;

  /// Pieces that don't fit a layer or each other.
  ///
  /// @param message the whole sentence, with the names of the pieces
  public ModularException(String message) {
    super(message);
  }
}
