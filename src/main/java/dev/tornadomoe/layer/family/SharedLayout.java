package dev.tornadomoe.layer.family;

import dev.tornadomoe.layer.LayerException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Where a model's shared expert is stored, and how large it is.
///
/// @param module its name: `shared_experts`, `shared_expert`, `shared_mlp`
/// @param place whether that is inside the MoE block or beside it
/// @param intermediate its I, that of all shared experts together
/// @param gate the linear layer in the block whose sigmoid multiplies the result, or null
/// @param storage its projections' names inside the module
public record SharedLayout(
    String module, Place place, int intermediate, @Nullable String gate, Storage storage) {

  /// What the module's name is relative to.
  public enum Place {
    /// the MoE block: `model.layers.3.mlp.shared_experts`
    IN_BLOCK,
    /// the layer: `model.layers.3.shared_mlp`
    IN_LAYER
  }

  /// How its projections are stored.
  public enum Storage {
    /// `gate_proj` `[S, H]`, `up_proj` `[S, H]`, `down_proj` `[H, S]`; transformers writes Hunyuan
    /// 4's gate as `linear_gate`
    GATE_UP_DOWN,
    /// the same as `w1`, `w3` and `w2`
    W123,
    /// `up_proj` `[S, H]` and `down_proj` `[H, S]`: it has no gate
    UP_DOWN,
    /// Granite's `input_linear` `[2S, H]`, the gate's rows first, and `output_linear` `[H, S]`
    INPUT_OUTPUT
  }

  /// In the block, with the usual names.
  ///
  /// @throws LayerException for a size that is no int
  static SharedLayout inBlock(String module, long size, @Nullable String gate) {
    if (size > Integer.MAX_VALUE) {
      throw new LayerException(
          String.format(
              Locale.ROOT, "the shared experts' size is %d, expected at most 2^31 - 1", size));
    }
    int intermediate = (int) size;
    return new SharedLayout(module, Place.IN_BLOCK, intermediate, gate, Storage.GATE_UP_DOWN);
  }
}
