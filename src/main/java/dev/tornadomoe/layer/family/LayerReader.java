package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.CheckpointException;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SharedExperts;
import java.util.ArrayList;
import java.util.List;
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
    String router = findRouter();
    String block = router.substring(0, router.length() - routerName(router).length());
    new UnmentionedTensors(checkpoint, layout, router, block).refuse();
    Bias correction = null;
    if (layout.correctionBias() != null) {
      correction = Bias.of(checkpoint.require(block + layout.correctionBias(), layout.experts()));
    }
    Bias bias =
        layout.routerBias()
            ? Bias.of(checkpoint.require(router + ".bias", layout.experts()))
            : null;
    return new MoeLayer(
        index,
        layout.gating().topK(),
        new Router(
            checkpoint.linear(router, layout.experts(), layout.hidden()),
            bias,
            correction,
            layout.gating()),
        ExpertWeights.of(experts(block), layout.activation()),
        shared(block),
        layout.routerWeightOnInput());
  }

  /// The router's full name, which also tells the block's.
  private String findRouter() {
    for (String prefix : PREFIXES) {
      for (String block : layout.blocks()) {
        for (String router : layout.routers()) {
          String name = prefix + index + "." + block + "." + router;
          if (checkpoint.findLinear(name).isPresent()) {
            return name;
          }
        }
      }
    }
    String expected =
        PREFIXES.getFirst()
            + index
            + "."
            + layout.blocks().getFirst()
            + "."
            + layout.routers().getFirst();
    throw new CheckpointException(
        "%s: tensor \"%s.weight\" is missing, so layer %d has no router"
            .formatted(checkpoint.fileOf(expected + ".weight"), expected, index));
  }

  private String routerName(String full) {
    return layout.routers().stream()
        .filter(router -> full.endsWith("." + router))
        .findFirst()
        .orElseThrow();
  }

  private List<Mlp> experts(String block) {
    for (ExpertStorage storage : layout.storages()) {
      switch (storage) {
        case ExpertStorage.PerExpert names -> {
          if (checkpoint.findLinear(block + "experts.0." + names.gate()).isPresent()
              || checkpoint.findLinear(block + "experts.0." + names.down()).isPresent()) {
            return perExpert(block + "experts.", names);
          }
        }
        case ExpertStorage.Fused names -> {
          if (checkpoint.findStack(block + names.gateUp()).isPresent()
              || checkpoint.findStack(block + names.down()).isPresent()) {
            return new FusedReader(checkpoint, layout, block, names).read();
          }
        }
      }
    }
    UnreadableExperts.refuse(checkpoint, block);
    // Nothing is there under any spelling: let the first one say what is missing.
    return switch (layout.storages().getFirst()) {
      case ExpertStorage.PerExpert names -> perExpert(block + "experts.", names);
      case ExpertStorage.Fused names -> new FusedReader(checkpoint, layout, block, names).read();
    };
  }

  private List<Mlp> perExpert(String prefix, ExpertStorage.PerExpert names) {
    List<Mlp> experts = new ArrayList<>(layout.experts());
    for (int e = 0; e < layout.experts(); e++) {
      experts.add(mlp(prefix + e + ".", names, layout.intermediate()));
    }
    checkpoint
        .findLinear(prefix + layout.experts() + "." + names.down())
        .ifPresent(surplus -> {
          throw new CheckpointException(
              "%s: expert %d is stored (\"%s\"), but %s says there are %d"
                  .formatted(
                      checkpoint.fileOf(surplus),
                      layout.experts(),
                      surplus,
                      checkpoint.config().file(),
                      layout.experts()));
        });
    return experts;
  }

  private @Nullable SharedExperts shared(String block) {
    ModelLayout.SharedLayout shared = layout.shared();
    if (shared == null) {
      return null;
    }
    return new SharedExperts(
        mlp(block + shared.module() + ".", ExpertStorage.PerExpert.PROJ, shared.intermediate()),
        shared.gate() == null
            ? null
            : checkpoint.linear(block + shared.gate(), 1, layout.hidden()));
  }

  private Mlp mlp(String prefix, ExpertStorage.PerExpert names, int intermediate) {
    return new Mlp(
        checkpoint.linear(prefix + names.gate(), intermediate, layout.hidden()),
        checkpoint.linear(prefix + names.up(), intermediate, layout.hidden()),
        checkpoint.linear(prefix + names.down(), layout.hidden(), intermediate),
        bias(prefix + names.gate(), intermediate),
        bias(prefix + names.up(), intermediate),
        bias(prefix + names.down(), layout.hidden()));
  }

  /// Old GPTQ files have biases (of zeros, mostly) where the model has none.
  private @Nullable Bias bias(String module, int size) {
    String name = module + ".bias";
    return has(name) ? Bias.of(checkpoint.require(name, size)) : null;
  }

  private boolean has(String tensor) {
    return checkpoint.tensorNames().contains(tensor);
  }
}
