package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.GgufMetadata;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.StoredTensor;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Latent;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Finds the tensors of one MoE block
/// ([names](https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/constants.py)).
final class BlockReader {
  /// What only tensors of an MoE block have in their names.
  private static final List<String> OURS =
      List.of(
          "_exps",
          "_shexp",
          "ffn_gate_inp",
          "ffn_gate_tid2eid",
          "exp_probs",
          "_chexps",
          "ffn_latent");

  /// What corrects scores, and with what those of tokens of images are corrected.
  private static final List<String> OF_TEXT = List.of("exp_probs_b.bias", "exp_probs_b");

  private static final String OF_IMAGES = "exp_probs_b_vl.bias";
  private static final String TABLE = "ffn_gate_tid2eid.weight";

  private final Checkpoint checkpoint;
  private final GgufMetadata metadata;
  private final Architecture architecture;
  private final int index;
  private final int hidden;
  private final int experts;
  private final int latent; // Z, or 0
  private final boolean isOfImages;
  private final Set<String> used = new LinkedHashSet<>();

  /// @param isOfImages whether it is the block's layer for tokens of images
  BlockReader(
      Checkpoint checkpoint,
      GgufMetadata metadata,
      Architecture architecture,
      int index,
      int hidden,
      int experts,
      boolean isOfImages) {
    this.checkpoint = checkpoint;
    this.metadata = metadata;
    this.architecture = architecture;
    this.index = index;
    this.hidden = hidden;
    this.experts = experts;
    this.isOfImages = isOfImages;
    this.latent = GgufKeys.latent(metadata, architecture);
  }

  /// The tensor that makes a block an MoE block.
  static String router(int index) {
    return "blk." + index + ".ffn_gate_inp.weight";
  }

  /// The tensor that makes a block one for tokens of images, too.
  static String imageCorrection(int index) {
    return "blk." + index + "." + OF_IMAGES;
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

  /// The width of the routed experts' rows.
  int expertHidden() {
    return latent == 0 ? hidden : latent;
  }

  int experts() {
    return experts;
  }

  MoeLayer read(TopKGating gating) {
    SwigluLimits limits = new SwigluLimits(metadata, architecture, index);
    ExpertTensors tensors = new ExpertTensors(this);
    ExpertWeights weights = ExpertWeights.of(tensors.experts(), limits.experts());
    MoeLayer layer =
        new MoeLayer(
            index,
            gating.topK(),
            router(gating),
            weights,
            shared(tensors, limits),
            architecture.has(Part.WEIGHT_ON_INPUT),
            0,
            latent(),
            new BlockNorms(this).read(architecture.has(Part.OWN_NORMS)));
    useElsewhere();
    refuseUnused();
    return architecture.has(Part.SHARED_AVERAGED) ? layer.averaged() : layer;
  }

  private Router router(TopKGating gating) {
    useWeight("ffn_gate_inp");
    return new Router(
        checkpoint.linear(name("ffn_gate_inp"), experts, hidden),
        isBiased() ? Bias.of(checkpoint.require(use("ffn_gate_inp.bias"), experts)) : null,
        correction(),
        expertScales(),
        hasTable() ? new TableGating(table(gating.topK()), gating) : gating,
        null);
  }

  private @Nullable Latent latent() {
    if (latent == 0) {
      return null;
    }
    useWeight("ffn_latent_down");
    useWeight("ffn_latent_up");
    return new Latent(
        checkpoint.linear(name("ffn_latent_down"), latent, hidden),
        checkpoint.linear(name("ffn_latent_up"), hidden, latent),
        null,
        null);
  }

  /// Whether a token's experts stand in a table.
  private boolean hasTable() {
    return !isOfImages
        && architecture.has(Part.TABLES)
        && index < metadata.count("hash_layer_count").orElse(0);
  }

  /// `[vocabulary, k]`.
  private TensorView table(int topK) {
    return checkpoint.requireIntegers(use(TABLE), shapeOf(TABLE).dimension(0), topK);
  }

  /// NVFP4 has factors of its own by this name.
  private @Nullable Bias expertScales() {
    String tensor = "ffn_down_exps.scale";
    return architecture.has(Part.EXPERT_SCALES) && has(tensor) && !used.contains(name(tensor))
        ? Bias.of(checkpoint.require(use(tensor), experts))
        : null;
  }

  private @Nullable SharedExperts shared(ExpertTensors tensors, SwigluLimits limits) {
    Activation activation = limits.shared();
    Mlp mlp = tensors.shared(architecture.shared());
    if (mlp == null) {
      return null;
    }
    return new SharedExperts(
        mlp, architecture.has(Part.SHARED_GATE) ? tensors.sharedGate() : null, activation);
  }

  /// Whether experts have gates, the shared one as well.
  boolean isGated() {
    return !architecture.has(Part.SQUARED_RELU);
  }

  /// Whether the shared expert's gates and ups are one tensor.
  boolean hasSharedGateUp() {
    return architecture.has(Part.SHARED_GATE_UP);
  }

  /// Whether the router and the experts' projections have biases.
  boolean isBiased() {
    return architecture.has(Part.BIASES);
  }

  private @Nullable Bias correction() {
    boolean isRequired = architecture.has(Part.REQUIRED_CORRECTION);
    if (isOfImages) {
      return Bias.of(checkpoint.require(use(OF_IMAGES), experts));
    }
    if (hasTable()) {
      return null;
    }
    if (!isRequired && !architecture.has(Part.CORRECTION)) {
      return null;
    }
    for (String tensor : OF_TEXT) {
      if (has(tensor)) {
        return Bias.of(checkpoint.require(use(tensor), experts));
      }
    }
    if (isRequired) {
      shapeOf(OF_TEXT.getFirst()); // says that it is missing
    }
    return null;
  }

  /// Parts of the block that are the caller's, or belong to its other layer.
  private void useElsewhere() {
    if (architecture.has(Part.CALLERS_NORM)) {
      use("ffn_norm_exps.weight");
    }
    if (isOfImages) {
      OF_TEXT.forEach(this::use);
      use(TABLE);
    } else if (architecture.has(Part.IMAGE_CORRECTION)) {
      use(OF_IMAGES);
    }
  }

  /// Parts of the block that would be left out of what is computed: scales of experts, a shared
  /// expert where the architecture has none.
  private void refuseUnused() {
    String block = name("");
    for (String tensor : checkpoint.tensorNames()) {
      if (tensor.startsWith(block)
          && OURS.stream().anyMatch(tensor::contains)
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
