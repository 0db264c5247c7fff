package dev.tornadomoe.layer;

import dev.tornadomoe.tensor.Weight;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The two or three projections of one expert: `down(activation(gate x) * up x)`, or
/// `down(activation(up x))` without a gate.
///
/// @param gate `[I, H]`, or null for an expert that is not gated
/// @param up `[I, H]`
/// @param down `[H, I]`
/// @param gateBias `[I]` or null
/// @param upBias `[I]` or null
/// @param downBias `[H]` or null
public record Mlp(
    @Nullable Weight gate,
    Weight up,
    Weight down,
    @Nullable Bias gateBias,
    @Nullable Bias upBias,
    @Nullable Bias downBias) {

  /// Checked against each other.
  ///
  /// @throws LayerException when the projections do not fit
  public Mlp {
    int intermediate = up.rows();
    int hidden = up.columns();
    if (gate != null && (gate.rows() != intermediate || gate.columns() != hidden)) {
      throw misfit(gate, intermediate, hidden);
    }
    if (down.rows() != hidden || down.columns() != intermediate) {
      throw misfit(down, hidden, intermediate);
    }
    if (gateBias != null && gate == null) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "bias \"%s\" belongs to a gate that is not there",
              gateBias.values().name()));
    }
    requireSize(gateBias, intermediate);
    requireSize(upBias, intermediate);
    requireSize(downBias, hidden);
  }

  private static LayerException misfit(Weight weight, int rows, int columns) {
    return new LayerException(
        String.format(
            Locale.ROOT,
            "weight \"%s\" is [%d, %d], expected [%d, %d]",
            weight.name(),
            weight.rows(),
            weight.columns(),
            rows,
            columns));
  }

  /// @throws LayerException for another size
  static void requireSize(@Nullable Bias bias, int size) {
    if (bias != null && bias.size() != size) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "bias \"%s\" has %d elements, expected %d",
              bias.values().name(),
              bias.size(),
              size));
    }
  }

  /// A gated expert without biases.
  ///
  /// @param gate `[I, H]`
  /// @param up `[I, H]`
  /// @param down `[H, I]`
  /// @return the expert `down(activation(gate x) * up x)`
  public static Mlp gated(Weight gate, Weight up, Weight down) {
    return new Mlp(gate, up, down, null, null, null);
  }

  /// An expert without a gate.
  ///
  /// @param up `[I, H]`
  /// @param down `[H, I]`
  /// @return the expert `down(activation(up x))`
  public static Mlp plain(Weight up, Weight down) {
    return new Mlp(null, up, down, null, null, null);
  }

  /// {@return H, the width of a row}
  public int hidden() {
    return up.columns();
  }

  /// {@return I, the width inside the expert}
  public int intermediate() {
    return up.rows();
  }

  /// {@return whether there is a gate projection}
  public boolean isGated() {
    return gate != null;
  }

  /// {@return bytes that one pass over all projections reads}
  public long bytes() {
    return (gate == null ? 0 : gate.bytes()) + up.bytes() + down.bytes();
  }

  /// {@return bytes that loading allocates}
  public long bytesToLoad() {
    return (gate == null ? 0 : gate.bytesToLoad()) + up.bytesToLoad() + down.bytesToLoad();
  }
}
