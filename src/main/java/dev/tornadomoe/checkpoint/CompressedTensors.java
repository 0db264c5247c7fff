package dev.tornadomoe.checkpoint;

import dev.tornadomoe.tensor.Weight;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/// compressed-tensors ([config](https://github.com/vllm-project/compressed-tensors)): groups of
/// layers with a scheme each, and a list of layers to ignore. A target is a layer's exact name,
/// `re:` and a regular expression that must match from the name's start, or a class name
/// (`Linear`); they win over each other in this order, patterns in alphabetical order, and of two
/// equal targets the later one
/// ([source](https://github.com/vllm-project/compressed-tensors/blob/main/src/compressed_tensors/utils/match.py)).
final class CompressedTensors implements Quantization {
  private final QuantizationJson config;
  private final List<Group> groups;
  private final List<Target> ignored;

  private CompressedTensors(QuantizationJson config, List<Group> groups, List<Target> ignored) {
    this.config = config;
    this.groups = groups;
    this.ignored = ignored;
  }

  static CompressedTensors of(QuantizationJson config) {
    refuseOnlineTransforms(config);
    QuantizationJson json = config.object("config_groups");
    List<Group> groups = new ArrayList<>();
    if (json != null) {
      String format = config.text("format", "pack-quantized");
      json.json().forEach((name, value) -> groups.add(Group.of(config, name, value, format)));
    }
    return new CompressedTensors(
        config, groups, Target.parse(config, "ignore", config.texts("ignore")));
  }

  /// Transforms of weights are in the stored weights already; those of activations would have to be
  /// applied by us, and without them every result would be wrong.
  private static void refuseOnlineTransforms(QuantizationJson config) {
    QuantizationJson transforms = config.object("transform_config");
    if (transforms != null && transforms.value("config_groups") instanceof Map<?, ?> groups) {
      if (!groups.isEmpty()) {
        throw config.unsupported("transform_config with " + groups.keySet());
      }
    }
  }

  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    boolean packed = tensors.names().contains(module + ".weight_packed");
    Group group = groupOf(module);
    if (ignored.stream().anyMatch(target -> target.matches(module))) {
      if (packed) {
        throw new CheckpointException(
            "%s: \"%s\" is on the ignore list of quantization_config, but %s stores it as .weight_packed"
                .formatted(config.file(), module, tensors.fileOf(module + ".weight_packed")));
      }
      return null;
    }
    if (group == null) {
      if (packed) {
        throw new CheckpointException(
            "%s: no group of quantization_config targets \"%s\", but %s stores it as .weight_packed"
                .formatted(config.file(), module, tensors.fileOf(module + ".weight_packed")));
      }
      return null;
    }
    if (!packed && isStoredUnquantised(tensors, module)) {
      return null;
    }
    return group.scheme().weight(tensors, module, rows, columns);
  }

  /// Some exporters leave a layer unquantised without saying so in the ignore list.
  private static boolean isStoredUnquantised(TensorStore tensors, String module) {
    var weight = tensors.find(module + ".weight");
    return weight != null && FLOATS.contains(weight.dtype());
  }

  private @Nullable Group groupOf(String module) {
    Group best = null;
    Target winner = null;
    for (Group group : groups) {
      for (Target target : group.targets()) {
        if (target.matches(module) && (winner == null || !winner.winsOver(target, module))) {
          best = group;
          winner = target;
        }
      }
    }
    return best;
  }

  private record Group(List<Target> targets, Scheme scheme) {

    @SuppressWarnings("unchecked") // JSON objects have string keys
    static Group of(QuantizationJson config, String name, Object value, String format) {
      if (value instanceof List<?>) { // the name of a preset, with its targets
        Scheme preset =
            switch (name.toUpperCase(Locale.ROOT)) {
              case "W4A16" -> new PackQuantized(config.file(), 128, false);
              case "W4A16_ASYM" -> new PackQuantized(config.file(), 128, true);
              default -> unsupported(config, "preset \"" + name + "\"");
            };
        QuantizationJson groups = new QuantizationJson(config.file(), Map.of("targets", value));
        return new Group(Target.parse(config, "targets", groups.texts("targets")), preset);
      }
      if (!(value instanceof Map<?, ?> map)) {
        throw config.wrong("config_groups." + name, "an object", value);
      }
      QuantizationJson json = new QuantizationJson(config.file(), (Map<String, Object>) map);
      List<Target> targets = Target.parse(config, "targets", json.texts("targets"));
      return new Group(targets, scheme(json, json.text("format", format)));
    }

    private static Scheme scheme(QuantizationJson group, String format) {
      QuantizationJson weights = group.object("weights");
      if (weights == null) {
        return (tensors, module, rows, columns) -> null;
      }
      int bits = weights.number("num_bits", 8);
      String type = weights.text("type", "int");
      String strategy =
          weights.text("strategy", weights.value("group_size") == null ? "tensor" : "group");
      if (!format.equals("pack-quantized") || bits != 4 || !type.equals("int")) {
        return unsupported(
            group, "format \"%s\" with %d-bit %s weights".formatted(format, bits, type));
      }
      boolean asymmetric = !weights.flag("symmetric", true);
      return switch (strategy) {
        case "group" -> new PackQuantized(group.file(), weights.groupSize(), asymmetric);
        case "channel" -> new PackQuantized(group.file(), 0, asymmetric);
        default -> unsupported(group, "strategy \"" + strategy + "\" for packed 4-bit weights");
      };
    }

    /// Refused when a layer needs it, so that the model's other layers can be used.
    private static Scheme unsupported(QuantizationJson config, String what) {
      return (tensors, module, rows, columns) -> {
        throw config.unsupported(what);
      };
    }
  }

  /// How one group stores its weights.
  @FunctionalInterface
  interface Scheme {
    @Nullable Weight weight(TensorStore tensors, String module, int rows, int columns);
  }

  /// One entry of `targets` or `ignore`.
  private record Target(String text, @Nullable Pattern pattern) {
    static final int NONE = 3;

    static List<Target> parse(QuantizationJson config, String list, List<String> texts) {
      List<Target> targets = new ArrayList<>(texts.size());
      for (String text : texts) {
        try {
          targets.add(
              new Target(text, text.startsWith("re:") ? Pattern.compile(text.substring(3)) : null));
        } catch (PatternSyntaxException e) {
          throw config.wrong(list, "names or regular expressions", text);
        }
      }
      return targets;
    }

    /// How specifically this names a linear layer: 0 by name, 1 by pattern, 2 by class, or NONE.
    int precedence(String module) {
      if (pattern != null) {
        return pattern.matcher(module).lookingAt() ? 1 : NONE;
      }
      return text.equals(module) ? 0 : text.equals("Linear") ? 2 : NONE;
    }

    boolean matches(String module) {
      return precedence(module) < NONE;
    }

    boolean winsOver(Target other, String module) {
      int difference = precedence(module) - other.precedence(module);
      return difference < 0 || (difference == 0 && text.compareTo(other.text) < 0);
    }
  }
}
