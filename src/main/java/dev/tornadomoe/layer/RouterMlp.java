package dev.tornadomoe.layer;

import dev.tornadomoe.tensor.Weight;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// What stands before a router's logits where the router is an MLP that goes on from the states of
/// the layer before (ZAYA1): of a token's row x and that layer's states r
///
/// 1. `states = in x + statesScale * r`, which are handed on to the next layer;
/// 2. `y = norm(states)`;
/// 3. for each hidden layer `y = activation(hidden y)`. The router's weight takes this y.
///
/// Facts: transformers,
/// [modeling_zaya.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/zaya/modeling_zaya.py),
/// `ZayaRouter`.
///
/// @param in `[R, H]`
/// @param statesScale `[R]`, or null for a layer that needs no states, as the model's first
/// @param norm of R elements
/// @param hidden `[R, R]` each, in order
/// @param activation behind each of them
public record RouterMlp(
    Linear in,
    @Nullable Bias statesScale,
    WeightedNorm norm,
    List<Linear> hidden,
    Activation activation) {

  /// A matrix with its bias.
  ///
  /// @param weight `[out, in]`
  /// @param bias `[out]`, or null
  public record Linear(Weight weight, @Nullable Bias bias) {

    /// Checked against each other.
    ///
    /// @throws LayerException for a bias of another size
    public Linear {
      Mlp.requireSize(bias, weight.rows());
    }
  }

  /// Checked against each other.
  ///
  /// @throws LayerException when the parts do not fit, or the activation is one of gated experts
  public RouterMlp {
    hidden = List.copyOf(hidden);
    int size = in.weight().rows();
    Mlp.requireSize(statesScale, size);
    if (norm.size() != size) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "router norm \"%s\" has %d elements, expected %d",
              norm.weights().name(),
              norm.size(),
              size));
    }
    for (Linear linear : hidden) {
      Weight weight = linear.weight();
      if (weight.rows() != size || weight.columns() != size) {
        throw new LayerException(
            String.format(
                Locale.ROOT,
                "router weight \"%s\" is [%d, %d], expected [%d, %d]",
                weight.name(),
                weight.rows(),
                weight.columns(),
                size,
                size));
      }
    }
    if (activation.needsGate()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "activation %s needs a gate, and a router has none",
              activation.function()));
    }
  }

  /// {@return R, the width of its states}
  public int size() {
    return in.weight().rows();
  }

  /// {@return H, the width of the rows that it takes}
  public int columns() {
    return in.weight().columns();
  }

  /// {@return whether it needs the states of the layer before}
  public boolean goesOn() {
    return statesScale != null;
  }

  /// {@return its matrices, in the order in which a row meets them}
  public List<Weight> weights() {
    return linears().stream().map(Linear::weight).toList();
  }

  /// {@return the same with their biases}
  public List<Linear> linears() {
    return Stream.concat(Stream.of(in), hidden.stream()).toList();
  }
}
