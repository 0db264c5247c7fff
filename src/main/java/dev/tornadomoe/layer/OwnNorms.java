package dev.tornadomoe.layer;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The norms inside a layer, beside that of the layer's input, which the caller has done (or not,
/// where these do it). Each is null where a layer has none, as nearly all have.
///
/// @param router of the hidden states on their way to the router (Gemma 4)
/// @param experts of the hidden states on their way to routed and shared experts (Gemma 4)
/// @param output of the finished sum: what comes out is the layer's result (A.X-K1)
public record OwnNorms(
    @Nullable WeightedNorm router, @Nullable WeightedNorm experts, @Nullable WeightedNorm output) {
  public static final OwnNorms NONE = new OwnNorms(null, null, null);

  /// What is normed.
  public enum Place {
    /// what the router gets
    ROUTER("router"),
    /// what the experts get
    EXPERTS("experts"),
    /// the layer's result
    OUTPUT("output");

    private final String text;

    Place(String text) {
      this.text = text;
    }

    /// As the component is called.
    @Override
    public String toString() {
      return text;
    }
  }

  /// {@return the norm at a place, or null}
  ///
  /// @param place any
  public @Nullable WeightedNorm at(Place place) {
    return switch (place) {
      case ROUTER -> router;
      case EXPERTS -> experts;
      case OUTPUT -> output;
    };
  }

  /// @throws LayerException for a norm of rows of another size
  void requireSize(int layer, int hidden) {
    for (Place place : Place.values()) {
      WeightedNorm norm = at(place);
      if (norm != null && norm.size() != hidden) {
        throw new LayerException(
            String.format(
                Locale.ROOT,
                "layer %d: norm \"%s\" has %d elements, expected %d",
                layer,
                norm.weights().name(),
                norm.size(),
                hidden));
      }
    }
  }
}
