package dev.tornadomoe.cli.inspect;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.GgufMetadata;
import dev.tornadomoe.cli.parallel.OffloadChoices;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.family.ModelLayout;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.layer.family.SharedLayout;
import dev.tornadomoe.layer.family.WeighedShared;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What is in a checkpoint, as far as it can be told: whatever can't be understood becomes a
/// problem in the result, not an exception. Headers are read, weights are not.
final class Inspection {
  private final Checkpoint checkpoint;
  private final OffloadChoices offload;
  private final Map<String, Object> json = new LinkedHashMap<>();
  private final InspectProblems problems = new InspectProblems();

  /// @param offload what a device is to have of the layers
  Inspection(Checkpoint checkpoint, OffloadChoices offload) {
    this.checkpoint = checkpoint;
    this.offload = offload;
  }

  Map<String, Object> toJson() {
    json.put("checkpoint", checkpoint.directory().toString());
    MoeModel model = model();
    List<MoeLayer> layers = model == null ? List.of() : describe(model, json);
    json.put("parts", model == null ? List.of() : parts(model));
    json.put("weights", WeightKinds.of(layers).toJson());
    TensorKinds tensors =
        TensorKinds.of(checkpoint.tensorNames(), checkpoint::stored, problems::add);
    json.put("stored_bytes", tensors.bytesByType());
    json.put("tensors", tensors.toJson());
    json.put("backends", BackendOutlook.of(layers, offload));
    json.put("problems", problems.toJson());
    return json;
  }

  private @Nullable MoeModel model() {
    try {
      json.put(
          "model_type",
          checkpoint
              .gguf()
              .map(GgufMetadata::architecture)
              .orElseGet(() -> checkpoint.config().modelType()));
      MoeModel model = MoeModel.of(checkpoint);
      json.put("supported", true);
      return model;
    } catch (MoeException e) {
      json.putIfAbsent("model_type", null);
      json.put("supported", false);
      problems.add(e);
      return null;
    }
  }

  /// What the config says, and the layers that can be made of the tensors.
  ///
  /// @param described what is said of the model, or of its part
  private List<MoeLayer> describe(MoeModel model, Map<String, Object> described) {
    if (model.layerIndices().isEmpty()) {
      return describeDense(model, described);
    }
    if (checkpoint.gguf().isPresent()) {
      return describeGguf(model, described);
    }
    ModelLayout layout = model.layout();
    described.put("hidden_size", layout.hidden());
    described.put("layers", layout.layers());
    described.put("moe_layers", layout.moeLayers());
    described.put("experts", layout.experts());
    boolean skips = layout.router().skips();
    described.put("identity_experts", skips ? 0 : layout.identityExperts());
    if (skips) {
      described.put("skipping_experts", layout.identityExperts());
    }
    WeighedShared weighed = layout.weighedShared();
    described.put("top_k", layout.gating().topK() - (weighed == null ? 0 : weighed.count()));
    described.put("intermediate_size", layout.intermediate());
    described.put("activation", layout.activation().function().name().toLowerCase(Locale.ROOT));
    described.put("gated", null); // the tensors say, below
    described.put("router", RouterText.of(layout));
    described.put("shared_expert", shared(layout));
    List<MoeLayer> layers = layers(model);
    if (!layers.isEmpty()) {
      described.put("gated", layers.getFirst().experts().isGated());
    }
    return layers;
  }

  /// The other stacks of MoE layers, each with its own weights.
  private List<Map<String, Object>> parts(MoeModel model) {
    List<Map<String, Object>> parts = new ArrayList<>();
    try {
      for (String name : model.parts()) {
        Map<String, Object> part = new LinkedHashMap<>();
        part.put("name", name);
        List<MoeLayer> layers = describe(model.part(name), part);
        part.put("weights", WeightKinds.of(layers).toJson());
        parts.add(part);
      }
    } catch (MoeException e) {
      problems.add(e);
    }
    return parts;
  }

  private List<MoeLayer> describeDense(MoeModel model, Map<String, Object> described) {
    described.put("hidden_size", model.hidden());
    described.put("layers", model.layers());
    described.put("moe_layers", List.of());
    Object part = described.get("name");
    problems.add(
        new LayerException(
            String.format(
                Locale.ROOT,
                "%s%s: the model has no MoE layers",
                checkpoint.directory(),
                part == null ? "" : ", part " + part)));
    return List.of();
  }

  /// A GGUF file's tensors say what its metadata don't, so its first layer is asked.
  private List<MoeLayer> describeGguf(MoeModel model, Map<String, Object> described) {
    described.put("hidden_size", model.hidden());
    described.put("layers", model.layers());
    described.put("moe_layers", model.layerIndices());
    List<MoeLayer> layers = layers(model);
    if (!layers.isEmpty()) {
      MoeLayer first = layers.getFirst();
      described.put("experts", first.globalExperts());
      described.put("identity_experts", 0);
      described.put("top_k", first.topK());
      described.put("intermediate_size", first.intermediate());
      described.put(
          "activation", first.experts().activation().function().name().toLowerCase(Locale.ROOT));
      described.put("gated", first.experts().isGated());
      described.put("router", RouterText.of(first));
      described.put("shared_expert", shared(first.shared()));
    }
    return layers;
  }

  private List<MoeLayer> layers(MoeModel model) {
    List<MoeLayer> layers = new ArrayList<>();
    for (int index : model.layerIndices()) {
      try {
        layers.add(model.layer(index));
      } catch (MoeException e) {
        problems.add(e, index);
      }
    }
    return layers;
  }

  private static @Nullable Map<String, Object> shared(ModelLayout layout) {
    WeighedShared weighed = layout.weighedShared();
    if (weighed != null) {
      return shared((long) layout.intermediate() * weighed.count(), false, false, weighed.count());
    }
    SharedLayout shared = layout.shared();
    return shared == null
        ? null
        : shared(shared.intermediate(), shared.gate() != null, layout.averaged(), 0);
  }

  private static @Nullable Map<String, Object> shared(@Nullable SharedExperts shared) {
    return shared == null
        ? null
        : shared(
            shared.mlp().intermediate(),
            shared.gate() != null && !shared.isHalf(),
            shared.isHalf(),
            0);
  }

  /// @param weighed how many experts the router weighs with its own
  private static Map<String, Object> shared(
      long intermediate, boolean sigmoidGate, boolean averaged, int weighed) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("intermediate_size", intermediate);
    json.put("sigmoid_gate", sigmoidGate);
    json.put("averaged", averaged);
    json.put("weighed", weighed);
    return json;
  }
}
