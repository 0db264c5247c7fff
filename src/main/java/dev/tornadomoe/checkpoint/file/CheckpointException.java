package dev.tornadomoe.checkpoint.file;

import dev.tornadomoe.MoeException;

/// A checkpoint that can't be used: missing, truncated, contradictory or of an unsupported kind.
/// The message names file, tensor, what was expected and what was found.
public final class CheckpointException extends MoeException {
  private static final long serialVersionUID = 1L;

  public CheckpointException(String message) {
    super(message);
  }

  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
