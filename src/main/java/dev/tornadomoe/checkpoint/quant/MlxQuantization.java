package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// MLX's affine quantisation
/// ([definition](https://ml-explore.github.io/mlx/build/html/python/_autosummary/mlx.core.quantize.html)):
/// `weight` U32 `[out, in * bits / 32]`, lowest input in the lowest bits, `scales` and `biases`
/// `[out, in / group_size]`, value = scale * q + bias. Experts are in one tensor `[E, out, ...]`
/// for each projection. Modules named in the config have bits and groups of their own; those that
/// are stored as floats are unquantised.
///
/// @param config for messages, and with what holds for all others
record MlxQuantization(QuantizationJson config) implements Quantization {
  private static final String WEIGHT = ".weight";

  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    if (!isQuantised(tensors, module)) {
      return null;
    }
    QuantizationJson fields = fields(module);
    int bits = bits(fields);
    int group = group(fields, module, columns);
    return new AffineWeight(
        tensors.fileOf(module + WEIGHT),
        module,
        bits,
        group,
        columns,
        tensors.require(module + WEIGHT, Set.of(DType.U32), rows, columns / (32 / bits)),
        tensors.require(module + ".scales", FLOATS, rows, columns / group),
        tensors.require(module + ".biases", FLOATS, rows, columns / group));
  }

  @Override
  public @Nullable ExpertStack findStack(
      TensorStore tensors, String name, int experts, int outputs, int inputs, boolean transposed) {
    String module =
        name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : name;
    if (!isQuantised(tensors, module)) {
      return null;
    }
    QuantizationJson fields = fields(module);
    int bits = bits(fields);
    int group = group(fields, module, inputs);
    TensorView elements =
        tensors.require(module + WEIGHT, Set.of(DType.U32), experts, outputs, inputs / (32 / bits));
    TensorView scales =
        tensors.require(module + ".scales", FLOATS, experts, outputs, inputs / group);
    TensorView biases =
        tensors.require(module + ".biases", FLOATS, experts, outputs, inputs / group);
    String file = tensors.fileOf(module + WEIGHT);
    return (expert, rows, first, step) -> {
      if (step != 1) {
        throw config.unsupported("MLX with outputs of gate and up in turns");
      }
      long end = (long) first + rows;
      return new AffineWeight(
          file,
          module + "[" + expert + "]",
          bits,
          group,
          inputs,
          elements.at(expert).rows(first, end),
          scales.at(expert).rows(first, end),
          biases.at(expert).rows(first, end));
    };
  }

  private static boolean isQuantised(TensorStore tensors, String module) {
    TensorView weight = tensors.find(module + WEIGHT);
    return weight != null && weight.dtype() == DType.U32;
  }

  /// What the config says of a module.
  private QuantizationJson fields(String module) {
    QuantizationJson own = config.value(module) instanceof Map<?, ?> ? config.object(module) : null;
    return own == null ? config : own;
  }

  private static int bits(QuantizationJson fields) {
    int bits = fields.number("bits", 4);
    String mode = fields.text("mode", "affine");
    if ((bits != 4 && bits != 8) || !mode.equals("affine")) {
      throw fields.unsupported(
          String.format(
              Locale.ROOT,
              "MLX with %d bits in mode \"%s\" (supported: 4 and 8, affine)",
              bits,
              mode));
    }
    return bits;
  }

  private static int group(QuantizationJson fields, String module, int columns) {
    int group = fields.number("group_size", 64);
    if (group < 8 || group % 8 != 0 || columns % group != 0) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: \"%s\" has %d inputs, expected whole groups of %d, a multiple of 8",
              fields.file(),
              module,
              columns,
              group));
    }
    return group;
  }
}
