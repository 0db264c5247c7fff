package dev.tornadomoe.layer.family;

import java.util.List;

/// Layers whose experts stand in a table of token ids, whatever their router says (DeepSeek-V4).
/// Their routers have no correction bias, since nothing is selected by their scores.
///
/// @param name the table's, inside the block: `[vocabulary, k]`
/// @param vocabulary how many token ids there are
/// @param layers their indices, ascending
public record TableLayout(String name, int vocabulary, List<Integer> layers) {

  /// Copies the list.
  public TableLayout {
    layers = List.copyOf(layers);
  }
}
