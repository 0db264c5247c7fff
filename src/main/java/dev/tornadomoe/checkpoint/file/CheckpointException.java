package dev.tornadomoe.checkpoint.file;

import dev.tornadomoe.MoeException;

/// A checkpoint that can't be used: missing, truncated, contradictory or of an unsupported kind.
/// The message names file, tensor, what was expected and what was found.
public final class CheckpointException extends MoeException {
  private static final long serialVersionUID = 1L;

  /// A file that can't be read, or says something impossible.
  ///
  /// @param message the whole sentence, with file and tensor in it
  public CheckpointException(String message) {
    super(message);
  }

  /// A failure that another one led to.
  ///
  /// @param message the whole sentence, with file and tensor in it
  /// @param cause what led to it
  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
