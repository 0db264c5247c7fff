package dev.tornadomoe.layer.family;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.RmsNorm;
import java.util.List;

/// Routers that are an MLP and go on from the states of the layer before
/// ([dev.tornadomoe.layer.RouterMlp]); names are inside the block. The model's first layer goes on
/// from nothing.
///
/// @param size R of the states
/// @param in the module of the projection to them, with a bias
/// @param statesScale the tensor `[R]` that multiplies the states of the layer before
/// @param norm what it computes
/// @param normWeights its tensor `[R]`
/// @param hidden the modules of the hidden layers, with biases
/// @param activation behind each of these
public record RouterMlpLayout(
    int size,
    String in,
    String statesScale,
    RmsNorm norm,
    String normWeights,
    List<String> hidden,
    Activation activation) {

  /// Copies the list.
  public RouterMlpLayout {
    hidden = List.copyOf(hidden);
  }
}
