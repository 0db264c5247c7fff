package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.plan.Precision;
import org.jspecify.annotations.Nullable;

/// What a step is compiled for.
///
/// @param layerIndex the layer's index in the plan
/// @param layer the layer
/// @param experts which experts count for it: those that are here, or, when results of others have
///   come in, all that have weights
/// @param maxTokens the most rows it is run for
/// @param precision how activations enter the products with quantised weights
/// @param buffers where its operands are
public record StepContext(
    int layerIndex,
    MoeLayer layer,
    ExpertMap experts,
    int maxTokens,
    Precision precision,
    Buffers buffers) {

  /// Looks up operands.
  @FunctionalInterface
  public interface Buffers {
    /// The buffer behind an operand of this layer.
    BufferRef of(Operand operand);
  }

  public BufferRef buffer(Operand operand) {
    return buffers.of(operand);
  }

  /// How many rows of an operand belong to each token: k where they are the pairs'.
  public int rowsPerToken(Operand operand) {
    return Math.toIntExact(buffer(operand).buffer().shape().dimension(0) / maxTokens);
  }

  /// How many columns the rows of operands have, or of the narrowest where a user's own has unused
  /// elements behind its rows.
  public int columns(Operand first, Operand... others) {
    int columns = buffer(first).buffer().columns();
    for (Operand other : others) {
      columns = Math.min(columns, buffer(other).buffer().columns());
    }
    return columns;
  }

  /// The buffer, or null for no operand.
  public @Nullable BufferRef bufferOrNull(@Nullable Operand operand) {
    return operand == null ? null : buffers.of(operand);
  }
}
