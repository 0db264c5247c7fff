package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Latent;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.WeightedNorm;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Finds the tensors of one MoE layer. What a tensor is called can differ between releases of the
/// same model, so the names that are there decide, among those that the layout lists.
final class LayerReader {
  /// What stands before a layer's index: text models, the language model inside a multimodal one,
  /// and models saved without their head.
  private static final List<String> PREFIXES =
      List.of(
          "model.layers.",
          "model.language_model.layers.",
          "language_model.model.layers.",
          "language_model.layers.",
          "language.model.layers.", // DeepSeek-VL2
          "model.decoder.layers.", // DiffusionGemma
          "llm.model.layers.", // Ovis
          "thinker.model.layers.", // Qwen3-Omni, whose talker is another model
          "backbone.layers.", // Nemotron-H
          "language_model.backbone.layers.", // and inside a multimodal one
          "model.llm.layers.", // Inkling
          "transformer.blocks.", // DBRX
          "layers.");

  private final Checkpoint checkpoint;
  private final ModelLayout layout;
  private final int index;

  LayerReader(Checkpoint checkpoint, ModelLayout layout, int index) {
    this.checkpoint = checkpoint;
    this.layout = layout;
    this.index = index;
  }

  MoeLayer read() {
    Place place = find();
    String block = place.block();
    String router = block + place.router();
    new UnmentionedTensors(checkpoint, layout, place.layer(), block, router).refuse();
    Router chooses = new RouterReader(checkpoint, layout, index, block, place.router()).read();
    MoeLayer layer =
        new MoeLayer(
            index,
            chooses.topK(),
            chooses,
            new ExpertWeights(
                allExperts(block), map(), layout.activations().experts().apply(index)),
            new SharedReader(checkpoint, layout, place.layer(), block).read(index),
            layout.routerWeightOnInput(),
            layout.identityExperts(),
            latent(block),
            norms(place.layer()));
    return layout.averaged() ? layer.averaged() : layer;
  }

  private @Nullable Latent latent(String block) {
    if (layout.latent() == 0) {
      return null;
    }
    String in = block + "fc1_latent_proj";
    String out = block + "fc2_latent_proj";
    return new Latent(
        checkpoint.linear(in, layout.latent(), layout.hidden()),
        checkpoint.linear(out, layout.hidden(), layout.latent()),
        MlpReader.bias(checkpoint, in, layout.latent()),
        MlpReader.bias(checkpoint, out, layout.hidden()));
  }

  private OwnNorms norms(String layer) {
    NormsLayout norms = layout.norms();
    return new OwnNorms(
        norm(layer, norms.router()), norm(layer, norms.experts()), norm(layer, norms.output()));
  }

  private @Nullable WeightedNorm norm(String layer, NormsLayout.@Nullable Weights weights) {
    return weights == null
        ? null
        : new WeightedNorm(
            layout.norms().norm(),
            checkpoint.require(layer + weights.tensor(), layout.hidden()),
            weights.scale());
  }

  /// Identity experts have no weights anywhere.
  private ExpertMap map() {
    int[] localOf = new int[layout.routed()];
    Arrays.setAll(localOf, expert -> expert < layout.weighed() ? expert : -1);
    return ExpertMap.of(localOf);
  }

  /// The experts that the router chooses from, and those that it always weighs.
  private List<Mlp> allExperts(String block) {
    List<Mlp> experts = new ArrayList<>(experts(block));
    WeighedShared shared = layout.weighedShared();
    if (shared != null) {
      experts.addAll(
          new FusedReader(checkpoint, layout, block, shared.storage(), shared.count()).read());
    }
    String bias = layout.sumBias();
    if (bias != null) {
      Bias ofSum = Bias.of(checkpoint.require(block + bias, layout.hidden()));
      experts.replaceAll(mlp -> withDownBias(mlp, ofSum));
    }
    return experts;
  }

  /// The router's weights sum to 1, so a bias of each expert is one of the sum.
  private Mlp withDownBias(Mlp mlp, Bias ofSum) {
    Bias own = mlp.downBias();
    if (own != null) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is a bias of each expert, which doesn't go with \"%s\", one of"
                  + " their sum",
              checkpoint.fileOf(own.values().name()),
              own.values().name(),
              ofSum.values().name()));
    }
    return new Mlp(mlp.gate(), mlp.up(), mlp.down(), mlp.gateBias(), mlp.upBias(), ofSum);
  }

  /// Where a layer's router is.
  ///
  /// @param layer what stands before the names of the layer's parts, ending in a dot
  /// @param block the same of the block's parts
  /// @param router its name inside the block
  private record Place(String layer, String block, String router) {

    static Place of(String layer, String block, String router) {
      return new Place(layer, block.isEmpty() ? layer : layer + block + ".", router);
    }
  }

  /// The router tells which of the block's names is the checkpoint's.
  private Place find() {
    List<String> prefixes =
        layout.part().prefixes().isEmpty() ? PREFIXES : layout.part().prefixes();
    for (String prefix : prefixes) {
      for (String block : layout.blocks()) {
        for (String router : routers()) {
          Place place = Place.of(prefix + index + ".", block, router);
          if (isRouter(place.block() + router)) {
            return place;
          }
        }
      }
    }
    String first = prefixes.getFirst() + index + ".";
    String router = routers().getFirst();
    String expected =
        Place.of(first, layout.blocks().getFirst(), router).block()
            + (layout.part().routerColumns() == null ? router + ".weight" : router);
    throw new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: tensor \"%s\" is missing, so layer %d has no router",
            checkpoint.fileOf(expected),
            expected,
            index));
  }

  private List<String> routers() {
    String columns = layout.part().routerColumns();
    return columns == null ? layout.router().names() : List.of(columns);
  }

  private boolean isRouter(String name) {
    return layout.part().routerColumns() == null
        ? checkpoint.findLinear(name).isPresent()
        : has(name);
  }

  private List<Mlp> experts(String block) {
    for (ExpertStorage storage : layout.storages()) {
      switch (storage) {
        case ExpertStorage.PerExpert names -> {
          String first = block + "experts." + firstExpert() + ".";
          if (checkpoint.findLinear(first + names.first()).isPresent()
              || checkpoint.findLinear(first + names.down()).isPresent()) {
            return perExpert(block + "experts.", names);
          }
        }
        case ExpertStorage.Fused names -> {
          if (checkpoint.findStack(block + names.gateUp()).isPresent()
              || checkpoint.findStack(block + names.down()).isPresent()) {
            return fused(block, names);
          }
        }
        case ExpertStorage.Flat names -> {
          if (has(block + names.gate()) || has(block + names.down())) {
            return new FlatReader(checkpoint, layout, block, names).read();
          }
        }
        case ExpertStorage.FusedUngated names -> {
          if (has(block + names.up()) || has(block + names.down())) {
            return ungated(block, names);
          }
        }
        case ExpertStorage.Stacked names -> {
          if (has(block + names.gate() + ".weight") || has(block + names.down() + ".weight")) {
            return new StackedReader(checkpoint, layout, block, names).read();
          }
        }
      }
    }
    UnreadableExperts.refuse(checkpoint, block);
    // Nothing is there under any spelling: let the first one say what is missing.
    return switch (layout.storages().getFirst()) {
      case ExpertStorage.PerExpert names -> perExpert(block + "experts.", names);
      case ExpertStorage.Fused names -> fused(block, names);
      case ExpertStorage.Flat names -> new FlatReader(checkpoint, layout, block, names).read();
      case ExpertStorage.FusedUngated names -> ungated(block, names);
      case ExpertStorage.Stacked names ->
          new StackedReader(checkpoint, layout, block, names).read();
    };
  }

  private List<Mlp> fused(String block, ExpertStorage.Fused names) {
    return new FusedReader(checkpoint, layout, block, names, layout.experts()).read();
  }

  private List<Mlp> ungated(String block, ExpertStorage.FusedUngated names) {
    int experts = layout.experts();
    TensorView up =
        checkpoint.require(
            block + names.up(), experts, layout.intermediate(), layout.expertHidden());
    TensorView down =
        checkpoint.require(
            block + names.down(), experts, layout.expertHidden(), layout.intermediate());
    return IntStream.range(0, experts)
        .mapToObj(e -> Mlp.plain(Weight.dense(up.at(e)), Weight.dense(down.at(e))))
        .toList();
  }

  private List<Mlp> perExpert(String prefix, ExpertStorage.PerExpert names) {
    List<Mlp> experts = new ArrayList<>(layout.experts());
    int first = firstExpert();
    for (int e = first; e < first + layout.experts(); e++) {
      experts.add(
          new MlpReader(checkpoint, layout.expertHidden())
              .read(prefix + e + ".", names, layout.intermediate()));
    }
    int stored = layout.part().storedExperts(layout.experts());
    checkpoint
        .findLinear(prefix + stored + "." + names.down())
        .ifPresent(surplus -> {
          throw new CheckpointException(
              String.format(
                  Locale.ROOT,
                  "%s: expert %d is stored (\"%s\"), but %s says there are %d",
                  checkpoint.fileOf(surplus),
                  stored,
                  surplus,
                  checkpoint.config().file(),
                  stored));
        });
    return experts;
  }

  private int firstExpert() {
    return layout.part().firstExpert(layout.experts());
  }

  private boolean has(String tensor) {
    return checkpoint.tensorNames().contains(tensor);
  }
}
