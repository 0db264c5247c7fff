package dev.tornadomoe.plan;

import dev.tornadomoe.MoeException;

/// A plan that can't be made: contradictory options, or an alias that is required and illegal.
public final class PlanException extends MoeException {
  private static final long serialVersionUID = 1L;

  /// Options or pieces that no plan can be made of.
  ///
  /// @param message the whole sentence, with the option's value in it
  public PlanException(String message) {
    super(message);
  }
}
