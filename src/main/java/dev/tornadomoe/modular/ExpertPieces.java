package dev.tornadomoe.modular;

/// Experts that work beside a call's steps, on some of its rows while others are still on their
/// way. A step of prepare may have them begin before its end; then finalize asks for results, piece
/// by piece. Rows that nobody has begun with when the experts' turn comes are the last piece.
public interface ExpertPieces {

  /// {@return how many rows are worth a piece: each reads the experts' weights once more}
  int worthwhileRows();

  /// Begins with some rows, which stay as they are until their results are there, as do their ids
  /// and weights.
  ///
  /// @param first 0, or behind those that were begun with before in this call
  /// @param count 0 or more
  void begin(int first, int count);

  /// Returns when results are there.
  ///
  /// @param rows how many of the first rows must have theirs
  void await(int rows);
}
