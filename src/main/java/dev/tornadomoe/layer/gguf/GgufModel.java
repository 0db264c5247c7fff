package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.GgufMetadata;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// A GGUF file seen as a stack of MoE layers: those blocks that have a router.
public final class GgufModel {
  /// Far more than any model has; beyond it listing the layers would eat the memory.
  private static final int MOST_LAYERS = 100_000;

  private final Checkpoint checkpoint;
  private final GgufMetadata metadata;
  private final Architecture architecture;
  private final int hidden;
  private final int experts;
  private final int layers;
  private final @Nullable TopKGating gating; // null where no block has experts
  private final boolean isOfImages;

  private GgufModel(Checkpoint checkpoint, GgufMetadata metadata, boolean isOfImages) {
    this.isOfImages = isOfImages;
    this.checkpoint = checkpoint;
    this.metadata = metadata;
    this.architecture = Architecture.named(metadata.architecture());
    this.hidden = metadata.positive("embedding_length");
    this.experts = metadata.count("expert_count").orElse(0);
    this.layers = stackedBlocks();
    this.gating = experts == 0 ? null : GgufRouting.of(metadata, architecture, layers);
    GgufKeys.refuseUnused(metadata, architecture);
    GgufKeys.require(metadata, architecture);
    if (gating == null && !moeLayers().isEmpty()) {
      metadata.positive("expert_count"); // says that it is missing
    }
    if (gating != null && gating.topK() > experts) {
      throw new LayerException(
          String.format(
              Locale.ROOT, "top-k is %d, but there are only %d experts", gating.topK(), experts));
    }
  }

  /// How many blocks are in the stack: the last ones may predict further tokens instead.
  private int stackedBlocks() {
    int blocks = atMost(MOST_LAYERS, metadata.positive("block_count"), "block_count");
    String key = "nextn_predict_layers";
    int predicting = atMost(blocks, metadata.count(key).orElse(0), key);
    String first = "blk." + (blocks - predicting) + ".nextn.eh_proj.weight";
    return architecture.has(Part.PREDICTION_IF_STORED) && !isStored(first)
        ? blocks
        : blocks - predicting;
  }

  private int atMost(int most, int count, String key) {
    if (count > most) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "\"%s.%s\" is %d, expected at most %d",
              metadata.architecture(),
              key,
              count,
              most));
    }
    return count;
  }

  /// Reads the metadata; no tensor yet.
  ///
  /// @param checkpoint which holds the tensors
  /// @param metadata of that checkpoint
  /// @return the model, for as long as the checkpoint is open
  /// @throws dev.tornadomoe.MoeException when the architecture is unknown, or the file contradicts
  ///   itself
  public static GgufModel of(Checkpoint checkpoint, GgufMetadata metadata) {
    return new GgufModel(checkpoint, metadata, false);
  }

  /// {@return the layers by which tokens of images go, as the part `vision`, where some blocks have
  /// others for them: the same experts, chosen otherwise}
  public Map<String, GgufModel> parts() {
    if (isOfImages || !architecture.has(Part.IMAGE_CORRECTION)) {
      return Map.of();
    }
    GgufModel images = new GgufModel(checkpoint, metadata, true);
    return images.moeLayers().isEmpty() ? Map.of() : Map.of("vision", images);
  }

  /// {@return what is known of the architectures that are read}
  public static List<ArchitectureNotes> architectures() {
    return Arrays.stream(Architecture.values()).flatMap(ArchitectureNotes::of).toList();
  }

  /// {@return `general.architecture`}
  public String modelType() {
    return metadata.architecture();
  }

  /// {@return H, the width of a row}
  public int hidden() {
    return hidden;
  }

  /// {@return how many layers there are, dense ones included}
  public int layers() {
    return layers;
  }

  /// {@return the indices of the MoE layers, ascending}
  public List<Integer> moeLayers() {
    return IntStream.range(0, layers)
        .filter(layer -> isStored(BlockReader.router(layer)))
        .filter(layer -> !isOfImages || isStored(BlockReader.imageCorrection(layer)))
        .boxed()
        .toList();
  }

  private boolean isStored(String tensor) {
    return checkpoint.tensorNames().contains(tensor);
  }

  /// One MoE layer: finds its tensors and checks their shapes, without reading them.
  ///
  /// @param index one of [#moeLayers]
  /// @return the layer, whose weights are read when a session loads them
  /// @throws dev.tornadomoe.MoeException when its tensors are missing or misshapen
  public MoeLayer layer(int index) {
    return new BlockReader(checkpoint, metadata, architecture, index, hidden, experts, isOfImages)
        .read(Objects.requireNonNull(gating, "a model without experts has no MoE layers"));
  }
}
