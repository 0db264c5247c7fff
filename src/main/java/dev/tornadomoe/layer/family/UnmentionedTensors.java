package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.layer.Bias;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/// Parts of an MoE block that are stored although the model has none according to its config: a
/// layer without them would compute something else than the checkpoint's model.
///
/// @param layer what stands before the names of the layer's parts, ending in a dot
/// @param block the same of the block's parts
/// @param router the router's full name
record UnmentionedTensors(
    Checkpoint checkpoint, ModelLayout layout, String layer, String block, String router) {
  private static final List<String> SHARED =
      List.of("shared_expert", "shared_experts", "shared_mlp");
  private static final List<String> FIRST_PROJECTIONS =
      List.of("gate_proj", "up_proj", "input_linear", "w1");
  private static final List<String> CORRECTIONS =
      List.of(
          "e_score_correction_bias",
          "expert_bias",
          "router_bias",
          "moe_statics.e_score_correction_bias",
          "experts.e_score_correction_bias");

  /// @throws CheckpointException when there is such a part
  void refuse() {
    if (layout.shared() == null) {
      refuseShared(block);
      refuseShared(layer);
    }
    if (layout.router().correctionBiases().isEmpty()) {
      for (String owner : List.of(router + ".", block, block + "gate.", block + "router.")) {
        for (String name : CORRECTIONS) {
          if (isStored(owner + name)) {
            refuse(owner + name, "correction bias");
          }
        }
      }
    }
    if (layout.storages().stream().allMatch(UnmentionedTensors::isUngated)) {
      checkpoint
          .findLinear(block + "experts.0.gate_proj")
          .ifPresent(tensor -> refuse(tensor, "gate in its experts"));
    }
    String bias = router + ".bias";
    boolean isSaid =
        Stream.concat(
                layout.router().correctionBiases().stream(), layout.part().ofOthers().stream())
            .anyMatch(name -> bias.equals(block + name));
    if (!layout.router().bias() && !isSaid && isStored(bias) && !isZero(bias)) {
      refuse(bias, "router bias");
    }
  }

  private static boolean isUngated(ExpertStorage storage) {
    return storage instanceof ExpertStorage.FusedUngated
        || (storage instanceof ExpertStorage.PerExpert names && names.gate() == null);
  }

  /// @param owner what the shared expert's module would be in: the block, or the layer
  private void refuseShared(String owner) {
    for (String module : SHARED) {
      for (String projection : FIRST_PROJECTIONS) {
        checkpoint
            .findLinear(owner + module + "." + projection)
            .ifPresent(tensor -> refuse(tensor, "shared expert"));
      }
    }
  }

  private boolean isStored(String tensor) {
    return checkpoint.tensorNames().contains(tensor);
  }

  /// Old GPTQ files have biases of zeros where the model has none.
  private boolean isZero(String bias) {
    for (float value : Bias.of(checkpoint.require(bias, layout.routed())).toFloats()) {
      if (value != 0) {
        return false;
      }
    }
    return true;
  }

  private void refuse(String tensor, String part) {
    throw new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: tensor \"%s\" is stored, but a %s with the values of %s has no %s",
            checkpoint.fileOf(tensor),
            tensor,
            checkpoint.config().modelType(),
            checkpoint.config().file(),
            part));
  }
}
