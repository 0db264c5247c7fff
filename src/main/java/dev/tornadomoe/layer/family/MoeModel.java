package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.GgufMetadata;
import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.gguf.GgufModel;
import dev.tornadomoe.tensor.text.Ranges;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A checkpoint seen as a stack of MoE layers. What its config or metadata mean and what its
/// tensors are called is up to a [MoeFamily], or in a GGUF file to the architecture ([GgufModel]).
/// Some checkpoints have several stacks: the others are [#parts].
public final class MoeModel {
  /// The number of experts, by the names that families have for it.
  private static final List<String> EXPERT_COUNTS =
      List.of("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts");

  private final Checkpoint checkpoint;
  private final Path file;
  private final String modelType;
  private final @Nullable ModelLayout layout;
  private final @Nullable GgufModel gguf;
  private final List<Integer> moeLayers;
  private final int hidden;
  private final int layers;
  private final Supplier<Map<String, MoeModel>> parts; // made when they are asked for

  private MoeModel(Checkpoint checkpoint, ModelConfig config, MoeFamily family) {
    this.checkpoint = checkpoint;
    this.file = config.file();
    this.modelType = config.modelType();
    this.gguf = null;
    this.parts = () -> each(family.parts(config), layout -> new MoeModel(this, layout));
    if (isDense(config)) {
      this.layout = null;
      this.moeLayers = List.of();
      this.hidden = config.positive("hidden_size");
      this.layers = config.positive("num_hidden_layers", "num_layers");
      return;
    }
    this.layout = checked(family.layout(config));
    this.moeLayers = layout.moeLayers();
    this.hidden = layout.hidden();
    this.layers = layout.layers();
  }

  private MoeModel(MoeModel whole, ModelLayout layout) {
    this.checkpoint = whole.checkpoint;
    this.file = whole.file;
    this.modelType = whole.modelType;
    this.gguf = null;
    this.parts = Map::of;
    this.layout = checked(layout);
    this.moeLayers = layout.moeLayers();
    this.hidden = layout.hidden();
    this.layers = layout.layers();
  }

  private MoeModel(Checkpoint checkpoint, Path file, GgufModel gguf) {
    this.checkpoint = checkpoint;
    this.file = file;
    this.modelType = gguf.modelType();
    this.layout = null;
    this.gguf = gguf;
    this.parts = () -> each(gguf.parts(), part -> new MoeModel(checkpoint, file, part));
    this.moeLayers = gguf.moeLayers();
    this.hidden = gguf.hidden();
    this.layers = gguf.layers();
  }

  /// Reads the config or metadata; no tensor yet. The family is one of [MoeFamilies#installed].
  ///
  /// @param checkpoint which stays the caller's to close
  /// @return the model, for as long as the checkpoint is open
  /// @throws dev.tornadomoe.MoeException when the model type is unknown or the config contradicts
  ///   itself
  public static MoeModel of(Checkpoint checkpoint) {
    return of(checkpoint, MoeFamilies.installed());
  }

  /// The same with other families.
  ///
  /// @param checkpoint which stays the caller's to close
  /// @param families to look the model type up in
  /// @return the model, for as long as the checkpoint is open
  /// @throws dev.tornadomoe.MoeException when the model type is unknown or claimed by two families,
  ///   or the config contradicts itself
  public static MoeModel of(Checkpoint checkpoint, MoeFamilies families) {
    GgufMetadata metadata = checkpoint.gguf().orElse(null);
    if (metadata != null) {
      return namingTheFile(
          metadata.file(),
          () -> new MoeModel(checkpoint, metadata.file(), GgufModel.of(checkpoint, metadata)));
    }
    ModelConfig config = checkpoint.config();
    return namingTheFile(
        config.file(), () -> new MoeModel(checkpoint, config, families.of(config)));
  }

  /// Whether it is one of the dense models that some families have beside those with experts.
  private static boolean isDense(ModelConfig config) {
    if (!config.flagOr(true, "enable_moe_block")) {
      return true; // Gemma 4
    }
    List<String> said =
        EXPERT_COUNTS.stream().filter(key -> config.isPresent(key) && !config.isList(key)).toList();
    return !said.isEmpty() && said.stream().allMatch(key -> config.countOr(1, key) == 0);
  }

  private static ModelLayout checked(ModelLayout layout) {
    new LayoutChecks(layout).run();
    return layout;
  }

  /// Tensors are checked against the config, so a layer that can't be is described by the config:
  /// messages of parts that know no file begin with it.
  private static <T> T namingTheFile(Path file, Supplier<T> reading) {
    try {
      return reading.get();
    } catch (LayerException e) {
      throw new LayerException(String.format(Locale.ROOT, "%s: %s", file, e.getMessage()), e);
    }
  }

  /// {@return the names of the stacks of MoE layers that the checkpoint has beside this one, in
  /// alphabetical order; mostly none}
  ///
  /// @throws dev.tornadomoe.MoeException when the config contradicts itself about them
  public List<String> parts() {
    return List.copyOf(byName().keySet());
  }

  /// Another stack of MoE layers of the same checkpoint: Qwen3-Omni's `talker`, ERNIE 4.5 VL's
  /// experts for images, `vision`, or DeepSeek-V4's way of choosing for these.
  ///
  /// @param name one of [#parts]
  /// @return the part, for as long as the checkpoint is open
  /// @throws dev.tornadomoe.MoeException when there is no such part, or the config contradicts
  ///   itself about it
  public MoeModel part(String name) {
    Map<String, MoeModel> all = byName();
    MoeModel part = all.get(name);
    if (part == null) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "%s: there is no part \"%s\" (parts: %s)",
              checkpoint.directory(),
              name,
              all.isEmpty() ? "none" : String.join(", ", all.keySet())));
    }
    return part;
  }

  private Map<String, MoeModel> byName() {
    return namingTheFile(file, parts);
  }

  private static <T> Map<String, MoeModel> each(Map<String, T> parts, Function<T, MoeModel> of) {
    Map<String, MoeModel> models = new TreeMap<>();
    parts.forEach((name, part) -> models.put(name, of.apply(part)));
    return models;
  }

  /// {@return the config's `model_type`, or a GGUF file's `general.architecture`}
  public String modelType() {
    return modelType;
  }

  /// {@return H, the width of a row}
  public int hidden() {
    return hidden;
  }

  /// {@return how many layers there are, dense ones included}
  public int layers() {
    return layers;
  }

  /// {@return what the config says of the MoE layers}
  ///
  /// @throws IllegalStateException for a GGUF file, or a model without experts
  public ModelLayout layout() {
    if (layout == null) {
      throw new IllegalStateException(
          gguf == null ? "the model has no experts" : "a GGUF file has no layout of a family");
    }
    return layout;
  }

  /// {@return the indices of the MoE layers, ascending}
  public List<Integer> layerIndices() {
    return moeLayers;
  }

  /// One MoE layer: finds its tensors and checks their shapes, without reading them.
  ///
  /// @param index its index in the model, from 0
  /// @return the layer, whose weights are read when a session loads them
  /// @throws dev.tornadomoe.MoeException when it is no MoE layer, or its tensors are missing or
  ///   misshapen
  public MoeLayer layer(int index) {
    if (!moeLayers.contains(index)) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "%s: layer %d %s; MoE layers: %s",
              checkpoint.directory(),
              index,
              index >= 0 && index < layers() ? "is dense" : "does not exist",
              Ranges.of(moeLayers)));
    }
    return namingTheFile(
        file,
        () ->
            gguf != null ? gguf.layer(index) : new LayerReader(checkpoint, layout(), index).read());
  }
}
