package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Operation;

/// One operation of a plan. Steps run in the order of their indices.
///
/// @param index its place in the bucket, from 0, across layers
/// @param layer the layer's place in the plan, from 0
/// @param phase which part of the layer it belongs to
/// @param operation what it does
public record Step(int index, int layer, Phase phase, Operation operation) {

  /// As in `3 "weight + reduce"`.
  @Override
  public String toString() {
    return "%d \"%s\"".formatted(index, operation.name());
  }
}
