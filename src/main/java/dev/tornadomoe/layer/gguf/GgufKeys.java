package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.checkpoint.GgufMetadata;
import dev.tornadomoe.layer.LayerException;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// The keys of GGUF files that are about MoE blocks
/// ([list](https://github.com/ggml-org/llama.cpp/blob/master/src/llama-arch.cpp)).
final class GgufKeys {
  /// How their names begin.
  private static final List<String> BEGINNINGS =
      List.of("expert", "moe_", "router", "swiglu", "interleave_moe");

  /// Those that have a use here, or say what the tensors say, too.
  private static final Set<String> USED =
      Set.of(
          "expert_count",
          "expert_used_count",
          "expert_feed_forward_length",
          "expert_shared_feed_forward_length",
          "expert_shared_count",
          "expert_weights_scale",
          "expert_weights_norm",
          "expert_gating_func",
          "expert_group_count",
          "expert_group_used_count",
          "interleave_moe_layer_step", // these two: which blocks have a router
          "moe_every_n_layers",
          "swiglu_clamp_exp", // looked at for each block
          "swiglu_clamp_shexp");

  /// Of architectures with a latent size.
  private static final String LATENT = "moe_latent_size";

  /// What [Part#REQUIRED_KEYS] says.
  private static final List<String> REQUIRED =
      List.of("expert_weights_norm", "expert_weights_scale", "swiglu_clamp_exp");

  private GgufKeys() {}

  /// Refuses keys that say how other architectures' blocks differ (groups of experts that share
  /// weights, a latent size, a cap of the logits) from this one's, or that are not known: without
  /// them the result would be another.
  ///
  /// @throws dev.tornadomoe.MoeException when there is one with a value other than 0 or false
  static void refuseUnused(GgufMetadata metadata, Architecture architecture) {
    boolean hasLatent = architecture.has(Part.LATENT);
    metadata.refuseUnused(
        key -> BEGINNINGS.stream().anyMatch(key::startsWith) && !(hasLatent && key.equals(LATENT)),
        USED);
  }

  /// Refuses a file without the keys that llama.cpp has no default for.
  ///
  /// @throws dev.tornadomoe.MoeException when one is missing
  static void require(GgufMetadata metadata, Architecture architecture) {
    if (!architecture.has(Part.REQUIRED_KEYS)) {
      return;
    }
    for (String key : REQUIRED) {
      if (!metadata.has(key)) {
        throw new LayerException(
            String.format(Locale.ROOT, "no \"%s.%s\"", metadata.architecture(), key));
      }
    }
  }

  /// Z, the width of the experts' rows where these are others than the layer's, or 0.
  static int latent(GgufMetadata metadata, Architecture architecture) {
    return architecture.has(Part.LATENT) ? metadata.count(LATENT).orElse(0) : 0;
  }
}
