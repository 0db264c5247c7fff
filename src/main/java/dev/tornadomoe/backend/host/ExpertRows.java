package dev.tornadomoe.backend.host;

import java.util.Locale;

/// How many rows the experts of a layer get in the call that runs: what a step of prepare has said,
/// else as many as there is room for.
final class ExpertRows {
  private final int room;
  private int handedOver;

  /// @param room the most there can be
  ExpertRows(int room) {
    this.room = room;
    this.handedOver = room;
  }

  /// Forgets what the last call said.
  ///
  /// @param rows what the experts get if nobody says anything
  void reset(int rows) {
    handedOver = rows;
  }

  void set(int rows) {
    if (rows < 0 || rows > room) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%d rows were handed to the experts, which have room for %d",
              rows,
              room));
    }
    handedOver = rows;
  }

  int get() {
    return handedOver;
  }
}
