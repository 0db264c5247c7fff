package dev.tornadomoe.backend.cpu.kernel.rows;

/// Makes whole numbers of activations, for [RoundedRows].
@FunctionalInterface
public interface Rounding {

  /// Rounds a chunk of activations to whole numbers ([RoundedRows]) and makes of them what lanes of
  /// nibbles are multiplied by: the first of each quad, and of each other one the number less 16
  /// times the one before it, modulo 2^16 and twice in an int.
  ///
  /// @param row the activations; there is an element before the first
  /// @param count a multiple of 4
  /// @param inverse what they are multiplied by before
  /// @return the sum of the whole numbers
  int round(float[] row, int from, int count, float inverse, int[] factors, int to);
}
