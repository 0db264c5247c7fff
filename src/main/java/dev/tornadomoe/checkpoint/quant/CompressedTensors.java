package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.checkpoint.io.TensorStore;
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
            String.format(
                Locale.ROOT,
                "%s: \"%s\" is %s quantization_config, but %s stores it as .weight_packed",
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

  @Override
  public @Nullable ExpertStack findStack(
      TensorStore tensors, String name, int experts, int outputs, int inputs, boolean transposed) {
    return Fp8Stack.find(
        tensors, name, experts, outputs, inputs, transposed, Fp8Quantization.USUAL);
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
      boolean asymmetric = !weights.flag("symmetric", true);
      String kind = format + " " + bits + " " + type;
      return switch (kind) {
        case "pack-quantized 4 int" ->
            switch (strategy) {
              case "group" ->
                  new PackQuantized(
                      group.file(), weights.groupSize(), asymmetric, isActOrder(weights));
              case "channel" -> new PackQuantized(group.file(), 0, asymmetric, isActOrder(weights));
              default -> unsupportedStrategy(group, strategy, "packed 4-bit weights");
            };
        case "pack-quantized 8 int" -> {
          Granularity granularity = granularity(weights, strategy);
          yield granularity == null || strategy.equals("block")
              ? unsupportedStrategy(group, strategy, "packed 8-bit weights")
              : new Pack8Quantized(group.file(), granularity, asymmetric, isActOrder(weights));
        }
        case "int-quantized 8 int", "naive-quantized 8 int" -> {
          Granularity granularity = granularity(weights, strategy);
          yield granularity == null
              ? unsupportedStrategy(group, strategy, "8-bit weights")
              : new IntQuantized(granularity, asymmetric, isActOrder(weights));
        }
        case "float-quantized 8 float", "naive-quantized 8 float" -> {
          Granularity granularity = granularity(weights, strategy);
          yield granularity == null || asymmetric
              ? unsupportedStrategy(group, strategy, "FP8 weights")
              : new FloatQuantized(granularity);
        }
        case "mxfp8-quantized 8 float" ->
            weights.groupSize("group_size", 32) == 32
                ? new FloatQuantized(FloatQuantized.MX)
                : unsupported(group, "MXFP8 with groups of " + weights.groupSize());
        case "nvfp4-pack-quantized 4 float" ->
            weights.groupSize("group_size", 16) == 16
                ? new Nvfp4PackQuantized()
                : unsupported(group, "NVFP4 with groups of " + weights.groupSize());
        case "mxfp4-pack-quantized 4 float" ->
            weights.groupSize("group_size", 32) == 32
                ? new Mxfp4PackQuantized()
                : unsupported(group, "MXFP4 with groups of " + weights.groupSize());
        default ->
            unsupported(
                group,
                String.format(
                    Locale.ROOT, "format \"%s\" with %d-bit %s weights", format, bits, type));
      };
    }

    /// What shares a scale under a strategy, or null for one that we don't know.
    private static @Nullable Granularity granularity(QuantizationJson weights, String strategy) {
      return switch (strategy) {
        case "tensor" -> Granularity.TENSOR;
        case "channel" -> Granularity.CHANNEL;
        case "group" -> Granularity.group(weights.groupSize());
        case "block" -> Fp8Quantization.block(weights, "block_structure");
        default -> null;
      };
    }

    private static Scheme unsupportedStrategy(
        QuantizationJson group, String strategy, String weights) {
      return unsupported(
          group, String.format(Locale.ROOT, "strategy \"%s\" for %s", strategy, weights));
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
