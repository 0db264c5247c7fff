package dev.tornadomoe.offload;

import dev.tornadomoe.MoeException;

/// Experts that can't be divided between a device and the host as asked: a budget that is too
/// small, a placement or statistics of another model.
public final class OffloadException extends MoeException {
  private static final long serialVersionUID = 1L;

  /// A failure that no other exception caused.
  ///
  /// @param message the whole sentence, with names and figures in it
  public OffloadException(String message) {
    super(message);
  }
}
