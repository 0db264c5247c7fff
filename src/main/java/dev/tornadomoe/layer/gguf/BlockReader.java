package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.GgufMetadata;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.StoredTensor;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.tensor.Shape;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Finds the tensors of one MoE block
/// ([names](https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/constants.py)).
final class BlockReader {
  /// Of gpt-oss and MiniMax-M3, which llama.cpp has as a constant.
  private static final float SWIGLU_LIMIT = 7;

  /// What only tensors of an MoE block have in their names.
  private static final List<String> OURS =
      List.of("_exps", "_shexp", "ffn_gate_inp", "exp_probs", "_chexps", "ffn_latent");

  /// Limits of the experts' and the shared expert's SwiGLU, which are not computed here. llama.cpp
  /// has a use for them in a few architectures, step35 say, some of whose blocks have limits.
  private static final List<String> CLAMPS = List.of("swiglu_clamp_exp", "swiglu_clamp_shexp");

  /// Up to which such a limit means that there is none.
  private static final float NO_CLAMP = 1e-6f;

  private final Checkpoint checkpoint;
  private final GgufMetadata metadata;
  private final Architecture architecture;
  private final int index;
  private final int hidden;
  private final int experts;
  private final Set<String> used = new LinkedHashSet<>();

  BlockReader(
      Checkpoint checkpoint,
      GgufMetadata metadata,
      Architecture architecture,
      int index,
      int hidden,
      int experts) {
    this.checkpoint = checkpoint;
    this.metadata = metadata;
    this.architecture = architecture;
    this.index = index;
    this.hidden = hidden;
    this.experts = experts;
  }

  /// The tensor that makes a block an MoE block.
  static String router(int index) {
    return "blk." + index + ".ffn_gate_inp.weight";
  }

  String name(String tensor) {
    return "blk." + index + "." + tensor;
  }

  /// The full name of a tensor that is about to be read.
  String use(String tensor) {
    String name = name(tensor);
    used.add(name);
    return name;
  }

  /// The full name of a weight that is about to be read, in NVFP4 with its factors. What such a
  /// file says of the quantisation of activations has no use, as elsewhere.
  String useWeight(String module) {
    String name = use(module + ".weight");
    if (checkpoint.stored(name).filter(stored -> stored.type().equals("NVFP4")).isPresent()) {
      use(module + ".scale");
      use(module + ".input_scale");
    }
    return name;
  }

  boolean has(String tensor) {
    return checkpoint.tensorNames().contains(name(tensor));
  }

  /// The shape of a tensor that must be there.
  Shape shapeOf(String tensor) {
    String name = name(tensor);
    return checkpoint
        .stored(name)
        .map(StoredTensor::shape)
        .orElseThrow(() ->
            new CheckpointException(
                String.format(
                    Locale.ROOT, "%s: tensor \"%s\" is missing", checkpoint.fileOf(name), name)));
  }

  Checkpoint checkpoint() {
    return checkpoint;
  }

  GgufMetadata metadata() {
    return metadata;
  }

  int hidden() {
    return hidden;
  }

  int experts() {
    return experts;
  }

  MoeLayer read(TopKGating gating) {
    refuseClamps();
    useWeight("ffn_gate_inp");
    Router router =
        new Router(
            checkpoint.linear(name("ffn_gate_inp"), experts, hidden),
            isBiased() ? Bias.of(checkpoint.require(use("ffn_gate_inp.bias"), experts)) : null,
            correction(),
            gating);
    ExpertTensors tensors = new ExpertTensors(this);
    MoeLayer layer =
        new MoeLayer(
            index,
            gating.topK(),
            router,
            ExpertWeights.of(tensors.experts(), activation()),
            tensors.shared(architecture.shared(), architecture.has(Architecture.Part.SHARED_GATE)),
            architecture.has(Architecture.Part.WEIGHT_ON_INPUT));
    refuseUnused();
    return layer;
  }

  private Activation activation() {
    if (architecture.has(Architecture.Part.SQUARED_RELU)) {
      return Activation.RELU_SQUARED;
    }
    return architecture.has(Architecture.Part.CLAMPED_SWIGLU)
        ? Activation.swigluOai(SWIGLU_LIMIT)
        : Activation.SILU;
  }

  /// Whether experts have gates, the shared one as well.
  boolean isGated() {
    return !architecture.has(Architecture.Part.SQUARED_RELU);
  }

  /// Whether the router and the experts' projections have biases.
  boolean isBiased() {
    return architecture.has(Architecture.Part.BIASES);
  }

  private @Nullable Bias correction() {
    boolean isRequired = architecture.has(Architecture.Part.REQUIRED_CORRECTION);
    if (!isRequired && !architecture.has(Architecture.Part.CORRECTION)) {
      return null;
    }
    for (String tensor : List.of("exp_probs_b.bias", "exp_probs_b")) {
      if (has(tensor)) {
        return Bias.of(checkpoint.require(use(tensor), experts));
      }
    }
    if (isRequired) {
      shapeOf("exp_probs_b.bias"); // says that it is missing
    }
    return null;
  }

  private void refuseClamps() {
    for (String key : CLAMPS) {
      float limit = metadata.ofBlock(key, index);
      if (limit > NO_CLAMP) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: \"%s.%s\" is %s for block %d, but %s in %s",
                metadata.file(),
                metadata.architecture(),
                key,
                limit,
                index,
                architecture.has(Architecture.Part.LIMITS)
                    ? "such limits are not supported"
                    : "there is no use for it",
                metadata.architecture()));
      }
    }
  }

  /// Parts of the block that would be left out of what is computed: scales of experts, a shared
  /// expert where the architecture has none.
  private void refuseUnused() {
    String block = name("");
    for (String tensor : checkpoint.tensorNames()) {
      if (tensor.startsWith(block)
          && OURS.stream().anyMatch(tensor::contains)
          && !tensor.contains("_norm")
          && !used.contains(tensor)) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: tensor \"%s\" is stored, but there is no use for it in %s",
                checkpoint.fileOf(tensor),
                tensor,
                metadata.architecture()));
      }
    }
  }
}
