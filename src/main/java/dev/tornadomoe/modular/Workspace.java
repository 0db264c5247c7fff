package dev.tornadomoe.modular;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.Locale;

/// Scratch memory that a piece asks for. The planner places it, and reuses it as soon as the last
/// reader is done.
///
/// @param operand its name
/// @param dtype F32 or I32
/// @param shape its size at the bucket's most tokens, outermost dimension first
public record Workspace(Operand operand, DType dtype, Shape shape) {

  /// Checked.
  ///
  /// @throws ModularException for another type, or a shape without dimensions
  public Workspace {
    if ((dtype != DType.F32 && dtype != DType.I32) || shape.rank() == 0) {
      throw new ModularException(
          String.format(
              Locale.ROOT,
              "workspace \"%s\" is %s %s, expected F32 or I32 with a dimension at least",
              operand,
              dtype,
              shape));
    }
  }

  static Workspace floats(Operand operand, long... shape) {
    return new Workspace(operand, DType.F32, Shape.of(shape));
  }

  static Workspace ints(Operand operand, long... shape) {
    return new Workspace(operand, DType.I32, Shape.of(shape));
  }
}
