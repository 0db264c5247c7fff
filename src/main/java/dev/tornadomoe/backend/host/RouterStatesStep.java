package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.modular.RowOperation;
import org.jspecify.annotations.Nullable;

/// A router goes on from the states of the layer before and leaves its own in their place; the rows
/// that it goes on with are normed.
final class RouterStatesStep implements HostStep {
  private final BufferRef rows;
  private final BufferRef states;

  /// Of the layer before's states, or null where they are not read.
  private final float @Nullable [] scale;

  private final float epsilon;
  private final float[] weights;
  private final float[] row;
  private final float[] before;

  RouterStatesStep(RowOperation.RouterStates operation, StepContext context) {
    Router router = context.layer().router();
    RouterMlp mlp = router == null ? null : router.mlp();
    if (mlp == null) {
      throw new IllegalStateException(
          "the plan has a router's states that the layer does not have");
    }
    Bias scaled = mlp.statesScale();
    this.rows = context.buffer(operation.rows());
    this.states = context.buffer(operation.states());
    this.scale = scaled == null ? null : scaled.toFloats();
    this.epsilon = mlp.norm().norm().epsilon();
    this.weights = mlp.norm().factors();
    this.row = new float[mlp.size()];
    this.before = new float[mlp.size()];
  }

  @Override
  public void run(int tokens) {
    for (int token = 0; token < tokens; token++) {
      rows.readRow(token, row, 0, row.length);
      if (scale != null) {
        states.readRow(token, before, 0, before.length);
        for (int column = 0; column < row.length; column++) {
          row[column] += before[column] * scale[column];
        }
      }
      states.writeRow(token, 0, row, 0, row.length);
      float factor = NormStep.factor(row, row.length, epsilon);
      for (int column = 0; column < row.length; column++) {
        row[column] = row[column] * factor * weights[column];
      }
      rows.writeRow(token, 0, row, 0, row.length);
    }
  }
}
