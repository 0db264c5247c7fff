package dev.tornadomoe.cli.parallel;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.family.MoeModel;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The option that says which of a checkpoint's stacks of MoE layers is meant.
public final class PartChoice {
  @Option(
      names = "--part",
      paramLabel = "NAME",
      description =
          "Another stack of MoE layers than the language model's, where the checkpoint has several:"
              + " talker, vision. moe inspect names them.")
  private @Nullable String part;

  /// Whether it was given.
  public boolean isGiven() {
    return part != null;
  }

  /// The model, or its part.
  ///
  /// @throws dev.tornadomoe.MoeException when there is none
  public MoeModel model(Checkpoint checkpoint) {
    MoeModel model = MoeModel.of(checkpoint);
    return part == null ? model : model.part(part);
  }
}
