package dev.tornadomoe.backend.host;

import dev.tornadomoe.modular.RowOperation;

/// The norm that follows a layer. Squares are summed in double, in four parts whatever computes the
/// rows, so a norm has the same bits as a step and inside a sum.
public final class NormStep implements HostStep {
  private static final int PARTS = 4;

  private final BufferRef source;
  private final BufferRef weights;
  private final float epsilon;
  private final BufferRef target;
  private final int hidden;

  private NormStep(
      BufferRef source, BufferRef weights, float epsilon, BufferRef target, int hidden) {
    this.source = source;
    this.weights = weights;
    this.epsilon = epsilon;
    this.target = target;
    this.hidden = hidden;
  }

  public static NormStep compile(RowOperation.Norm norm, StepContext context) {
    return new NormStep(
        context.buffer(norm.source()),
        context.buffer(norm.weights()),
        norm.norm().epsilon(),
        context.buffer(norm.target()),
        context.layer().hidden());
  }

  @Override
  public void run(int tokens) {
    for (int token = 0; token < tokens; token++) {
      row(token);
    }
  }

  /// Norms one token's row.
  public void row(int token) {
    float factor = (float) (1 / Math.sqrt(squares(token) / hidden + epsilon));
    for (int column = 0; column < hidden; column++) {
      target.setFloat(
          token, column, source.getFloat(token, column) * factor * weights.getFloat(0, column));
    }
  }

  private double squares(int token) {
    double first = 0;
    double second = 0;
    double third = 0;
    double fourth = 0;
    int column = 0;
    for (; column + PARTS <= hidden; column += PARTS) {
      first += square(token, column);
      second += square(token, column + 1);
      third += square(token, column + 2);
      fourth += square(token, column + 3);
    }
    for (; column < hidden; column++) {
      first += square(token, column);
    }
    return first + second + third + fourth;
  }

  private double square(int token, int column) {
    double value = source.getFloat(token, column);
    return value * value;
  }
}
