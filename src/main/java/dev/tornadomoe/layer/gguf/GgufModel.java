package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.GgufMetadata;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
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

  private GgufModel(Checkpoint checkpoint, GgufMetadata metadata) {
    this.checkpoint = checkpoint;
    this.metadata = metadata;
    this.architecture = Architecture.named(metadata.architecture());
    this.hidden = metadata.positive("embedding_length");
    this.experts = metadata.count("expert_count").orElse(0);
    this.gating = experts == 0 ? null : GgufRouting.of(metadata, architecture);
    GgufKeys.refuseUnused(metadata);
    int blocks = metadata.positive("block_count");
    if (blocks > MOST_LAYERS) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "\"%s.block_count\" is %d, expected at most %d",
              metadata.architecture(),
              blocks,
              MOST_LAYERS));
    }
    // The last ones predict further tokens and are no part of the stack.
    this.layers = Math.max(0, blocks - metadata.count("nextn_predict_layers").orElse(0));
    if (gating == null && !moeLayers().isEmpty()) {
      metadata.positive("expert_count"); // says that it is missing
    }
    if (gating != null && gating.topK() > experts) {
      throw new LayerException(
          String.format(
              Locale.ROOT, "top-k is %d, but there are only %d experts", gating.topK(), experts));
    }
  }

  /// Reads the metadata; no tensor yet.
  ///
  /// @param checkpoint which holds the tensors
  /// @param metadata of that checkpoint
  /// @return the model, for as long as the checkpoint is open
  /// @throws dev.tornadomoe.MoeException when the architecture is unknown, or the file contradicts
  ///   itself
  public static GgufModel of(Checkpoint checkpoint, GgufMetadata metadata) {
    return new GgufModel(checkpoint, metadata);
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
        .filter(layer -> checkpoint.tensorNames().contains(BlockReader.router(layer)))
        .boxed()
        .toList();
  }

  /// One MoE layer: finds its tensors and checks their shapes, without reading them.
  ///
  /// @param index one of [#moeLayers]
  /// @return the layer, whose weights are read when a session loads them
  /// @throws dev.tornadomoe.MoeException when its tensors are missing or misshapen
  public MoeLayer layer(int index) {
    return new BlockReader(checkpoint, metadata, architecture, index, hidden, experts)
        .read(Objects.requireNonNull(gating, "a model without experts has no MoE layers"));
  }
}
