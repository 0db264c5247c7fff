package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.CheckpointException;
import dev.tornadomoe.layer.Bias;
import java.util.List;

/// Parts of an MoE block that are stored although the model has none according to its config: a
/// layer without them would compute something else than the checkpoint's model.
///
/// @param router the router's full name
/// @param block what stands before the names of the block's parts
record UnmentionedTensors(Checkpoint checkpoint, ModelLayout layout, String router, String block) {
  private static final List<String> SHARED = List.of("shared_expert", "shared_experts");

  /// @throws CheckpointException when there is such a part
  void refuse() {
    ModelLayout.SharedLayout shared = layout.shared();
    if (shared == null) {
      for (String module : SHARED) {
        checkpoint
            .findLinear(block + module + ".gate_proj")
            .ifPresent(tensor -> refuse(tensor, "shared expert"));
      }
    }
    if (layout.correctionBias() == null) {
      for (String owner : List.of(router + ".", block)) {
        String correction = owner + "e_score_correction_bias";
        if (isStored(correction)) {
          refuse(correction, "correction bias");
        }
      }
    }
    String bias = router + ".bias";
    if (!layout.routerBias() && isStored(bias) && !isZero(bias)) {
      refuse(bias, "router bias");
    }
  }

  private boolean isStored(String tensor) {
    return checkpoint.tensorNames().contains(tensor);
  }

  /// Old GPTQ files have biases of zeros where the model has none.
  private boolean isZero(String bias) {
    for (float value : Bias.of(checkpoint.require(bias, layout.experts())).toFloats()) {
      if (value != 0) {
        return false;
      }
    }
    return true;
  }

  private void refuse(String tensor, String part) {
    throw new CheckpointException(
        "%s: tensor \"%s\" is stored, but a %s with the values of %s has no %s"
            .formatted(
                checkpoint.fileOf(tensor),
                tensor,
                checkpoint.config().modelType(),
                checkpoint.config().file(),
                part));
  }
}
