package dev.tornadomoe.backend.cpu;

/// How rows for 4-bit matrices are interleaved: four tokens at a time, element by element, so that
/// a kernel reads one stream; one by one where fewer than three are left. A unit that lacks one is
/// filled up with zeros. The unit that begins with token t begins at element `t * columns`.
final class Interleaving {
  /// Tokens of a unit.
  static final int WIDE = 4;

  private Interleaving() {}

  /// How many tokens the unit has that begins with one.
  ///
  /// @param tokens staged in all
  /// @param first the unit's first token
  static int width(int tokens, int first) {
    return tokens - first >= WIDE - 1 ? WIDE : 1;
  }

  /// The first token of a token's unit.
  static int unitOf(int tokens, int token) {
    int first = token / WIDE * WIDE;
    return width(tokens, first) == WIDE ? first : token;
  }

  /// Where an element of a token is.
  ///
  /// @param columns elements of a row
  static int at(int tokens, int token, int columns, int column) {
    int first = unitOf(tokens, token);
    return first * columns + column * width(tokens, first) + token - first;
  }

  /// The tokens of all units, filled up.
  static int rounded(int tokens) {
    return tokens % WIDE == WIDE - 1 ? tokens + 1 : tokens;
  }
}
