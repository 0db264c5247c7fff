package dev.tornadomoe.backend.host;

import dev.tornadomoe.modular.RowOperation;

/// The norm that follows a layer. Squares are summed in double, in four parts whatever computes the
/// rows, so a norm has the same bits as a step and inside a sum.
public final class NormStep {
  private static final int PARTS = 4;

  private final BufferRef weights;
  private final float epsilon;
  private final BufferRef target;
  private final int hidden;

  private NormStep(BufferRef weights, float epsilon, BufferRef target, int hidden) {
    this.weights = weights;
    this.epsilon = epsilon;
    this.target = target;
    this.hidden = hidden;
  }

  /// The norm of rows that lie in a buffer.
  static HostStep compile(RowOperation.Norm norm, StepContext context) {
    NormStep step = ofRows(norm, context);
    BufferRef source = context.buffer(norm.source());
    float[] row = new float[context.layer().hidden()];
    return tokens -> {
      for (int token = 0; token < tokens; token++) {
        source.readRow(token, row, 0, row.length);
        step.row(token, row);
      }
    };
  }

  /// The norm of rows that a step has at hand, as they are before the output's type rounds them.
  public static NormStep ofRows(RowOperation.Norm norm, StepContext context) {
    return new NormStep(
        context.buffer(norm.weights()),
        norm.norm().epsilon(),
        context.buffer(norm.target()),
        context.layer().hidden());
  }

  /// Norms one token's row.
  ///
  /// @param row its first H elements are the token's
  public void row(int token, float[] row) {
    float factor = factor(row, hidden, epsilon);
    for (int column = 0; column < hidden; column++) {
      target.setFloat(token, column, row[column] * factor * weights.getFloat(0, column));
    }
  }

  /// What a norm multiplies a row's elements by, beside its weights.
  ///
  /// @param row its first H elements are the token's
  /// @param hidden H
  /// @param epsilon of the norm
  public static float factor(float[] row, int hidden, float epsilon) {
    return (float) (1 / Math.sqrt(squares(row, hidden) / hidden + epsilon));
  }

  private static double squares(float[] row, int hidden) {
    double first = 0;
    double second = 0;
    double third = 0;
    double fourth = 0;
    int column = 0;
    for (; column + PARTS <= hidden; column += PARTS) {
      first += square(row[column]);
      second += square(row[column + 1]);
      third += square(row[column + 2]);
      fourth += square(row[column + 3]);
    }
    for (; column < hidden; column++) {
      first += square(row[column]);
    }
    return first + second + third + fourth;
  }

  private static double square(double value) {
    return value * value;
  }
}
