package dev.tornadomoe.layer;

import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import java.util.List;
import java.util.stream.IntStream;

/// Parts of layers whose values do not matter, only their shapes.
final class LayerParts {
  private LayerParts() {}

  static Weight weight(String name, int rows, int columns) {
    return Weight.dense(HeapTensors.bf16(name, Shape.of(rows, columns), new float[rows * columns]));
  }

  static Bias bias(String name, int size) {
    return Bias.of(HeapTensors.bf16(name, Shape.of(size), new float[size]));
  }

  /// A gated expert.
  static Mlp mlp(int hidden, int intermediate) {
    return Mlp.gated(
        weight("gate", intermediate, hidden),
        weight("up", intermediate, hidden),
        weight("down", hidden, intermediate));
  }

  static Mlp plain(int hidden, int intermediate) {
    return Mlp.plain(weight("up", intermediate, hidden), weight("down", hidden, intermediate));
  }

  /// Experts that can be told apart by identity.
  static List<Mlp> mlps(int count, int hidden, int intermediate) {
    return IntStream.range(0, count).mapToObj(e -> mlp(hidden, intermediate)).toList();
  }

  static ExpertWeights experts(int count, int hidden, int intermediate) {
    return ExpertWeights.of(mlps(count, hidden, intermediate), Activation.SILU);
  }

  static Router router(int experts, int hidden, Gating gating) {
    return new Router(weight("router", experts, hidden), null, null, gating);
  }

  static Router softmax(int experts, int hidden, int topK) {
    return router(experts, hidden, TopKGating.softmax(topK, true));
  }
}
