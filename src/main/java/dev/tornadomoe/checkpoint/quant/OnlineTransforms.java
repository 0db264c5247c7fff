package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.io.StrictJson;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// The `transform_config` of compressed-tensors
/// ([source](https://github.com/vllm-project/compressed-tensors/tree/main/src/compressed_tensors/transform)):
/// rotations, each applied to modules at a location. Those of weights are in the stored weights
/// already, and those of attention don't concern us; those of a linear layer's input or output we
/// would have to compute, and without them every result would be wrong.
record OnlineTransforms(QuantizationJson config, List<Application> applications) {
  private static final Set<String> NOT_OURS =
      Set.of("weight_input", "weight_output", "k_cache", "q_attn");

  /// Where one transform acts on activations.
  ///
  /// @param name the transform's, for messages
  private record Application(
      String name, String location, List<ModuleTarget> targets, List<ModuleTarget> ignored) {}

  static OnlineTransforms of(QuantizationJson config) {
    List<Application> applications = new ArrayList<>();
    QuantizationJson transforms = config.object("transform_config");
    QuantizationJson groups = transforms == null ? null : transforms.object("config_groups");
    if (groups != null) {
      for (String name : groups.json().keySet()) {
        QuantizationJson group = groups.object(name);
        if (group != null) {
          addOnline(applications, name, group);
        }
      }
    }
    return new OnlineTransforms(config, List.copyOf(applications));
  }

  private static void addOnline(
      List<Application> applications, String name, QuantizationJson group) {
    for (QuantizationJson apply : group.objects("apply")) {
      String location = apply.text("location", "");
      if (!NOT_OURS.contains(location)) {
        applications.add(
            new Application(
                name,
                location,
                ModuleTarget.list(apply, "targets"),
                ModuleTarget.list(apply, "ignore")));
      }
    }
  }

  /// @throws dev.tornadomoe.checkpoint.file.CheckpointException when the layer's input or output
  ///   would have to be transformed
  void refuse(String module) {
    for (Application application : applications) {
      if (ModuleTarget.anyMatches(application.targets, module)
          && !ModuleTarget.anyMatches(application.ignored, module)) {
        throw config.unsupported(
            String.format(
                Locale.ROOT,
                "transform_config \"%s\" at the %s of \"%s\"",
                StrictJson.excerpt(application.name),
                application.location,
                module));
      }
    }
  }
}
