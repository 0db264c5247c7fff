package dev.tornadomoe.checkpoint;

import dev.tornadomoe.tensor.Weight;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// compressed-tensors ([config](https://github.com/vllm-project/compressed-tensors)): groups of
/// layers with a scheme each, and a list of layers to ignore. Of the targets that match a layer the
/// most specific one wins, and of two equal ones the later.
final class CompressedTensors implements Quantization {
  private final QuantizationJson config;
  private final List<Group> groups;
  private final List<ModuleTarget> ignored;
  private final OnlineTransforms transforms;

  private CompressedTensors(
      QuantizationJson config,
      List<Group> groups,
      List<ModuleTarget> ignored,
      OnlineTransforms transforms) {
    this.config = config;
    this.groups = groups;
    this.ignored = ignored;
    this.transforms = transforms;
  }

  static CompressedTensors of(QuantizationJson config) {
    QuantizationJson json = config.object("config_groups");
    List<Group> groups = new ArrayList<>();
    if (json != null) {
      String format = config.text("format", "pack-quantized");
      json.json().forEach((name, value) -> groups.add(Group.of(config, name, value, format)));
    }
    return new CompressedTensors(
        config, groups, ModuleTarget.list(config, "ignore"), OnlineTransforms.of(config));
  }

  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    transforms.refuse(module);
    boolean packed = tensors.names().contains(module + ".weight_packed");
    boolean isIgnored = ModuleTarget.anyMatches(ignored, module);
    Group group = isIgnored ? null : groupOf(module);
    if (group == null) {
      if (packed) {
        throw new CheckpointException(
            "%s: \"%s\" is %s quantization_config, but %s stores it as .weight_packed"
                .formatted(
                    config.file(),
                    module,
                    isIgnored ? "on the ignore list of" : "targeted by no group of",
                    tensors.fileOf(module + ".weight_packed")));
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
    ModuleTarget winner = null;
    for (Group group : groups) {
      for (ModuleTarget target : group.targets()) {
        if (target.matches(module) && (winner == null || !winner.winsOver(target, module))) {
          best = group;
          winner = target;
        }
      }
    }
    return best;
  }

  private record Group(List<ModuleTarget> targets, Scheme scheme) {

    @SuppressWarnings("unchecked") // JSON objects have string keys
    static Group of(QuantizationJson config, String name, Object value, String format) {
      if (value instanceof List<?>) { // the name of a preset, with its targets
        Scheme preset =
            switch (name.toUpperCase(Locale.ROOT)) {
              case "W4A16" -> new PackQuantized(config.file(), 128, false, false);
              case "W4A16_ASYM" -> new PackQuantized(config.file(), 128, true, false);
              default -> unsupported(config, "preset \"" + StrictJson.excerpt(name) + "\"");
            };
        QuantizationJson groups = new QuantizationJson(config.file(), Map.of("targets", value));
        return new Group(ModuleTarget.list(groups, "targets"), preset);
      }
      if (!(value instanceof Map<?, ?> map)) {
        throw config.wrong("config_groups." + name, "an object", value);
      }
      QuantizationJson json = new QuantizationJson(config.file(), (Map<String, Object>) map);
      return new Group(
          ModuleTarget.list(json, "targets"), scheme(json, json.text("format", format)));
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
      boolean actOrder = isActOrder(weights);
      return switch (strategy) {
        case "group" -> new PackQuantized(group.file(), weights.groupSize(), asymmetric, actOrder);
        case "channel" -> new PackQuantized(group.file(), 0, asymmetric, actOrder);
        default -> unsupported(group, "strategy \"" + strategy + "\" for packed 4-bit weights");
      };
    }

    /// Whether columns are grouped in another order than they are stored in; `weight` and `static`
    /// were put back into order by the exporter.
    private static boolean isActOrder(QuantizationJson weights) {
      Object order = weights.value("actorder");
      String name = order == null ? "false" : order.toString().toLowerCase(Locale.ROOT);
      return switch (name) {
        case "group", "dynamic", "true" -> true;
        case "weight", "static", "false" -> false;
        default ->
            throw weights.wrong(
                "actorder", "group, dynamic, weight, static or a truth value", order);
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
}
