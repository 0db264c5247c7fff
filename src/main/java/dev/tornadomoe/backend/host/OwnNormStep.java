package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.WeightedNorm;
import dev.tornadomoe.modular.RowOperation;

/// A norm inside a layer, with weights of the layer's own. A row is read whole before it is
/// written, so that it may be written where it was.
final class OwnNormStep implements HostStep {
  private final BufferRef source;
  private final BufferRef target;
  private final float epsilon;
  private final float[] weights;
  private final float[] row;

  OwnNormStep(RowOperation.OwnNorm operation, StepContext context) {
    WeightedNorm norm = context.layer().norms().at(operation.place());
    if (norm == null) {
      throw new IllegalStateException("the plan has a norm that the layer does not have");
    }
    this.source = context.buffer(operation.source());
    this.target = context.buffer(operation.target());
    this.epsilon = norm.norm().epsilon();
    this.weights = norm.factors();
    this.row = new float[weights.length];
  }

  @Override
  public void run(int tokens) {
    for (int token = 0; token < tokens; token++) {
      source.readRow(token, row, 0, row.length);
      float factor = NormStep.factor(row, row.length, epsilon);
      for (int column = 0; column < row.length; column++) {
        row[column] = row[column] * factor * weights[column];
      }
      target.writeRow(token, 0, row, 0, row.length);
    }
  }
}
