package dev.tornadomoe.layer.family;

import org.jspecify.annotations.Nullable;

/// How a checkpoint may store a layer's experts, by names relative to the MoE block.
public sealed interface ExpertStorage {

  /// A linear layer for each projection of each expert, in any quantisation:
  /// `experts.7.gate_proj.weight` `[I, H]` and so on.
  ///
  /// @param gate its projection's name, `gate_proj` or `w1`; null where experts have no gate
  /// @param up `up_proj` or `w3`
  /// @param down `down_proj` or `w2`
  record PerExpert(@Nullable String gate, String up, String down) implements ExpertStorage {
    public static final PerExpert PROJ = new PerExpert("gate_proj", "up_proj", "down_proj");
    public static final PerExpert W123 = new PerExpert("w1", "w3", "w2");
    public static final PerExpert UNGATED = new PerExpert(null, "up_proj", "down_proj");

    /// The projection that comes first, by which the experts are found.
    String first() {
      return gate == null ? up : gate;
    }
  }

  /// One unquantised tensor for all experts' gate and up, one for down: `[E, 2I, H]` and `[E, H,
  /// I]`, or transposed `[E, H, 2I]` and `[E, I, H]`. Biases add `_bias` to the names.
  ///
  /// @param gateUp the tensor's name
  /// @param down the tensor's name
  /// @param order of gates and ups
  /// @param biased whether the model has biases, so that they must be there
  record Fused(String gateUp, String down, GateUpOrder order, boolean biased)
      implements ExpertStorage {
    public static final Fused PROJ =
        new Fused("experts.gate_up_proj", "experts.down_proj", GateUpOrder.HALVES, false);
  }

  /// How one tensor holds gates and ups.
  enum GateUpOrder {
    /// The first half is the gate; the shape tells whether it is transposed.
    HALVES,
    /// Gate and up alternate in the rows of `[E, 2I, H]`.
    ROWS_IN_TURN,
    /// They alternate in the columns of `[E, H, 2I]`. Blocks of a quantised one are rows of outputs
    /// all the same (gpt-oss).
    COLUMNS_IN_TURN;

    boolean isInterleaved() {
      return this != HALVES;
    }
  }

  /// One unquantised tensor for all experts' up, one for down, without a gate: `[E, I, H]` and `[E,
  /// H, I]`.
  ///
  /// @param up the tensor's name
  /// @param down the tensor's name
  record FusedUngated(String up, String down) implements ExpertStorage {
    public static final FusedUngated PROJ =
        new FusedUngated("experts.up_proj", "experts.down_proj");
  }

  /// One unquantised matrix for each projection of all experts, `[E * I, H]`, gate, up and, the
  /// other way round than usual, down (DBRX).
  ///
  /// @param gate the tensor's name
  /// @param up the tensor's name
  /// @param down the tensor's name
  record Flat(String gate, String up, String down) implements ExpertStorage {}

  /// One tensor for each projection of all experts, in any quantisation, `[E, I, H]` or `[E, H,
  /// I]`: what MLX makes of every family's experts. Where a module has a `bias`, `[E, I]` or `[E,
  /// H]`, it counts.
  ///
  /// @param gate the module's name
  /// @param up the module's name
  /// @param down the module's name
  record Stacked(String gate, String up, String down) implements ExpertStorage {
    public static final Stacked MLX =
        new Stacked("switch_mlp.gate_proj", "switch_mlp.up_proj", "switch_mlp.down_proj");
  }
}
