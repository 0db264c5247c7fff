package dev.tornadomoe.backend.host;

import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;

/// The operations on rows alone: the same on every host backend. Rows are as wide as the operands
/// are: those of experts have another size than the layer's where a latent projection is between.
final class RowSteps {
  private RowSteps() {}

  static HostStep compile(RowOperation operation, StepContext context) {
    return switch (operation) {
      case RowOperation.Copy copy ->
          copy(
              context.buffer(copy.source()),
              context.buffer(copy.target()),
              Math.min(context.rowsPerToken(copy.source()), context.rowsPerToken(copy.target())),
              context.columns(copy.source(), copy.target()));
      case RowOperation.Norm norm -> NormStep.compile(norm, context);
      case RowOperation.OwnNorm norm -> new OwnNormStep(norm, context);
      case RowOperation.RouterStates states -> new RouterStatesStep(states, context);
      case RowOperation.Add add ->
          add(
              context.buffer(add.target()),
              context.buffer(add.addend()),
              context.columns(add.target(), add.addend()));
      case RowOperation.Zero zero ->
          zero(context.buffer(zero.target()), context.columns(zero.target()));
      case RowOperation.WeightInput weigh ->
          weightInput(
              context.buffer(weigh.input()),
              context.buffer(weigh.weights()),
              context.buffer(weigh.target()),
              context.columns(weigh.input(), weigh.target()));
      case RowOperation.IdentityExperts identities ->
          new IdentityStep(
              context.layer(),
              context.buffer(identities.input()),
              context.buffer(identities.ids()),
              context.buffer(identities.weights()),
              context.buffer(identities.target()));
    };
  }

  private static HostStep copy(BufferRef source, BufferRef target, int rowsPerToken, int columns) {
    if (source.dtype() == DType.F32 && target.dtype() == DType.F32) {
      return tokens -> {
        for (long row = 0; row < (long) tokens * rowsPerToken; row++) {
          MemorySegment.copy(
              source.segment(),
              source.offset(row),
              target.segment(),
              target.offset(row),
              (long) columns * Float.BYTES);
        }
      };
    }
    return tokens -> {
      for (long row = 0; row < (long) tokens * rowsPerToken; row++) {
        for (int column = 0; column < columns; column++) {
          target.setFloat(row, column, source.getFloat(row, column));
        }
      }
    };
  }

  private static HostStep add(BufferRef target, BufferRef addend, int columns) {
    return tokens -> {
      for (int row = 0; row < tokens; row++) {
        for (int column = 0; column < columns; column++) {
          target.setFloat(row, column, target.getFloat(row, column) + addend.getFloat(row, column));
        }
      }
    };
  }

  private static HostStep zero(BufferRef target, int columns) {
    return tokens -> {
      for (int row = 0; row < tokens; row++) {
        for (int column = 0; column < columns; column++) {
          target.setFloat(row, column, 0);
        }
      }
    };
  }

  private static HostStep weightInput(
      BufferRef input, BufferRef weights, BufferRef target, int columns) {
    return tokens -> {
      for (int row = 0; row < tokens; row++) {
        float weight = weights.getFloat(row, 0);
        for (int column = 0; column < columns; column++) {
          target.setFloat(row, column, weight * input.getFloat(row, column));
        }
      }
    };
  }
}
