package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.checkpoint.GgufMetadata;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.layer.Activation;
import java.util.Locale;

/// What stands between the projections of one block's experts: the architecture's activation, or
/// SwiGLU with the limits that the keys give the block. A key has a number for all blocks or one
/// for each, and llama.cpp takes the gate's limit before SiLU in some architectures and after it in
/// the others
/// ([llama-graph.cpp](https://github.com/ggml-org/llama.cpp/blob/master/src/llama-graph.cpp):
/// `build_moe_ffn` for routed experts, `build_ffn` for the shared one).
///
/// @param block its index
record SwigluLimits(GgufMetadata metadata, Architecture architecture, int block) {
  /// Of gpt-oss and MiniMax-M3, which llama.cpp has as a constant, and of Maple's first files.
  private static final float USUAL_LIMIT = 7;

  /// Up to which a limit means that there is none.
  private static final float NO_LIMIT = 1e-6f;

  private static final String EXPERTS = "swiglu_clamp_exp";
  private static final String SHARED = "swiglu_clamp_shexp";

  /// Of the routed experts.
  ///
  /// @throws dev.tornadomoe.MoeException for a limit that the architecture has no use for
  Activation experts() {
    float absent = architecture.has(Part.LIMITED_IF_ABSENT) ? USUAL_LIMIT : 0;
    return activation(limit(EXPERTS, absent, Part.LIMITS));
  }

  /// Of the shared expert.
  ///
  /// @throws dev.tornadomoe.MoeException for a limit that the architecture has no use for
  Activation shared() {
    float absent = architecture.has(Part.SAME_LIMITS) ? metadata.ofBlockOr(0, EXPERTS, block) : 0;
    return activation(limit(SHARED, absent, Part.SHARED_LIMITS));
  }

  private Activation activation(float limit) {
    if (limit > NO_LIMIT) {
      return architecture.has(Part.LIMITED_BEFORE_SILU)
          ? Activation.swigluClamped(limit)
          : Activation.swigluStep(limit);
    }
    if (architecture.has(Part.SQUARED_RELU)) {
      return Activation.RELU_SQUARED;
    }
    if (architecture.has(Part.GELU)) {
      return Activation.GELU_TANH;
    }
    return architecture.has(Part.CLAMPED_SWIGLU)
        ? Activation.swigluOai(USUAL_LIMIT)
        : Activation.SILU;
  }

  private float limit(String key, float absent, Part use) {
    float limit = metadata.ofBlockOr(absent, key, block);
    if (limit > NO_LIMIT && !architecture.has(use)) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: \"%s.%s\" is %s for block %d, but there is no use for it in %s",
              metadata.file(),
              metadata.architecture(),
              key,
              limit,
              block,
              metadata.architecture()));
    }
    return limit;
  }
}
