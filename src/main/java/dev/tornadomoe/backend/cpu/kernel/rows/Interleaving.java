package dev.tornadomoe.backend.cpu.kernel.rows;

/// How rows for 4-bit matrices are interleaved: two tokens at a time, element by element, so that a
/// kernel reads one stream; a last one that is left over lies by itself. The unit that begins with
/// token t begins at element `t * columns`.
public final class Interleaving {
  /// Tokens of a unit that is not left over.
  public static final int PAIR = 2;

  private Interleaving() {}

  /// How many tokens the unit has that begins with one.
  ///
  /// @param tokens staged in all
  /// @param first the unit's first token
  public static int width(int tokens, int first) {
    return Math.min(PAIR, tokens - first);
  }

  /// The first token of a token's unit.
  public static int unitOf(int token) {
    return token - token % PAIR;
  }

  /// Where an element of a token is.
  ///
  /// @param columns elements of a row
  public static int at(int tokens, int token, int columns, int column) {
    int first = unitOf(token);
    return first * columns + column * width(tokens, first) + token - first;
  }
}
