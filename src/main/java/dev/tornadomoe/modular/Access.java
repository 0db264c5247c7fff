package dev.tornadomoe.modular;

/// How an operation uses an operand.
///
/// @param operand which one
/// @param mode how
public record Access(Operand operand, Mode mode) {

  /// Ways to use memory.
  public enum Mode {
    /// reads it in any order
    READ,
    /// reads each element just before it writes the element of the same place
    READ_ELEMENTWISE,
    /// writes all of it (all rows of the call), reads none of it
    OVERWRITE,
    /// adds to what is there, or makes something else of it, row by row
    ACCUMULATE
  }

  /// {@return an access that reads what is there}
  ///
  /// @param operand that is read
  public static Access read(Operand operand) {
    return new Access(operand, Mode.READ);
  }

  /// {@return an access that writes all of it, whatever was there}
  ///
  /// @param operand that is written
  public static Access overwrite(Operand operand) {
    return new Access(operand, Mode.OVERWRITE);
  }

  /// {@return an access that adds to what is there}
  ///
  /// @param operand that is read and written
  public static Access accumulate(Operand operand) {
    return new Access(operand, Mode.ACCUMULATE);
  }

  /// {@return whether earlier content matters}
  public boolean reads() {
    return mode != Mode.OVERWRITE;
  }

  /// {@return whether the content changes}
  public boolean writes() {
    return mode == Mode.OVERWRITE || mode == Mode.ACCUMULATE;
  }
}
