package dev.tornadomoe.backend.cpu.kernel.rows;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;

import dev.tornadomoe.backend.cpu.kernel.ScalarMath;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Rounds activations on vectors. A factor needs the number before its own, too; rounding the
/// elements before once more is cheaper than moving lanes.
public final class VectorRounding {
  /// 0 where a quad begins, which has no number before it.
  private static final IntVector INSIDE_QUAD = insideQuad();

  private static final int LOW_HALF = 0xFFFF;

  private VectorRounding() {}

  private static IntVector insideQuad() {
    int[] lanes = new int[LANES];
    for (int i = 0; i < LANES; i++) {
      lanes[i] = i % Int4Groups.QUAD == 0 ? 0 : -1;
    }
    return IntVector.fromArray(INT, lanes, 0);
  }

  /// See [Rounding#round].
  public static int round(float[] row, int from, int count, float inverse, int[] factors, int to) {
    IntVector sum = IntVector.zero(INT);
    int vectors = INT.loopBound(count);
    for (int i = 0; i < vectors; i += LANES) {
      IntVector own =
          (IntVector)
              FloatVector.fromArray(FLOAT, row, from + i)
                  .mul(inverse)
                  .add(ScalarMath.ROUNDER)
                  .sub(ScalarMath.ROUNDER)
                  .convert(VectorOperators.F2I, 0);
      IntVector before =
          (IntVector)
              FloatVector.fromArray(FLOAT, row, from + i - 1)
                  .mul(inverse)
                  .add(ScalarMath.ROUNDER)
                  .sub(ScalarMath.ROUNDER)
                  .convert(VectorOperators.F2I, 0);
      sum = sum.add(own);
      IntVector factor =
          own.sub(before.and(INSIDE_QUAD).lanewise(VectorOperators.LSHL, 4)).and(LOW_HALF);
      factor.or(factor.lanewise(VectorOperators.LSHL, 16)).intoArray(factors, to + i);
    }
    return sum.reduceLanes(VectorOperators.ADD)
        + ScalarRounding.round(
            row, from + vectors, count - vectors, inverse, factors, to + vectors);
  }
}
