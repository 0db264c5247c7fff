package dev.tornadomoe.plan;

import dev.tornadomoe.MoeException;

/// A plan that can't be made: contradictory options, or an alias that is required and illegal.
public final class PlanException extends MoeException {
  private static final long serialVersionUID = 1L;

  public PlanException(String message) {
    super(message);
  }
}
