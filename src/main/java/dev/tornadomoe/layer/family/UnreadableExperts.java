package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.util.List;
import java.util.Locale;

/// Ways of storing experts that exporters use and that are not read, or not for every family. A
/// block whose experts are found under none of its family's names is searched for them, so that the
/// message is about what is there.
final class UnreadableExperts {
  /// All experts in one module; one by one, gate and up together or, in the halves of gpt-oss's
  /// exporters, apart; and llm-compressor's modules of gpt-oss.
  private static final List<String> MODULES =
      List.of(
          "experts.gate_up_proj",
          "experts.0.gate_up_proj",
          "experts.gate_up.0",
          "experts.0.gate_proj",
          "experts.experts.0.gate_proj",
          "input_linear");

  /// What follows a module's name: whole or packed weights, and those of MXFP4 and of fused experts
  /// quantised under names of their own.
  private static final List<String> SUFFIXES =
      List.of(".weight", ".weight_packed", ".qweight", "_blocks", "_packed", "_qweight");

  private UnreadableExperts() {}

  /// @param block what stands before the names of the block's parts
  /// @throws CheckpointException when experts are stored in such a way
  static void refuse(Checkpoint checkpoint, String block) {
    for (String module : MODULES) {
      for (String suffix : SUFFIXES) {
        String tensor = block + module + suffix;
        if (checkpoint.tensorNames().contains(tensor)) {
          throw new CheckpointException(
              String.format(
                  Locale.ROOT,
                  "%s: experts stored as \"%s\" are not supported for %s",
                  checkpoint.fileOf(tensor),
                  tensor,
                  checkpoint.config().modelType()));
        }
      }
    }
  }
}
