package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// `fp8` and `fbgemm_fp8`: weights F8_E4M3 with a scale for each block as DeepSeek stores them
/// (`weight_scale_inv`, in spite of its name a factor;
/// [source](https://huggingface.co/deepseek-ai/DeepSeek-V3/blob/main/README_WEIGHTS.md)), or
/// without `weight_block_size` per tensor, per output or, in MXFP8, per 32 columns
/// (`weight_scale`). Layers of `ignored_layers` or `modules_to_not_convert` are told by their type:
/// they are floats. DeepSeek-V4's releases call the scales `scale`, and their experts are MXFP4
/// under the same names (`expert_dtype` fp4;
/// [source](https://huggingface.co/deepseek-ai/DeepSeek-V4-Flash/blob/main/inference/convert.py)):
/// `weight` I8 `[out, in / 2]`, two E2M1 to a byte, the first in the lower nibble, and a scale for
/// each 32 columns.
///
/// @param block rows and columns that share a scale, null where the scales' shape says it
record Fp8Quantization(@Nullable Granularity block) implements Quantization {
  /// The one format that is read, by the names that exporters give it.
  private static final Set<String> E4M3 = Set.of("e4m3", "e4m3fn", "float8_e4m3fn");

  private static final List<String> SCALES =
      List.of(".weight_scale_inv", ".weight_scale", ".scale");

  /// Blocks of experts that are stored as one tensor, where the config has none.
  static final Granularity USUAL = new Granularity(128, 128);

  static Quantization of(QuantizationJson config) {
    String format = config.text("fmt", "e4m3");
    if (!E4M3.contains(format)) {
      return (tensors, module, rows, columns) -> {
        throw config.unsupported(String.format(Locale.ROOT, "FP8 of the format \"%s\"", format));
      };
    }
    Object size = config.value("weight_block_size");
    return new Fp8Quantization(size == null ? null : block(config, "weight_block_size"));
  }

  /// A field with two numbers from 1, rows and columns.
  static Granularity block(QuantizationJson config, String name) {
    if (config.value(name) instanceof List<?> list
        && list.size() == 2
        && list.get(0) instanceof Integer rows
        && list.get(1) instanceof Integer columns
        && rows >= 1
        && columns >= 1) {
      return new Granularity(rows, columns);
    }
    throw config.wrong(name, "two whole numbers from 1", config.value(name));
  }

  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    TensorView weight = tensors.find(module + ".weight");
    if (weight != null && FLOATS.contains(weight.dtype())) {
      return null;
    }
    String suffix = scaleSuffix(tensors, module);
    if (weight != null && weight.dtype() == DType.I8) {
      return Mxfp4PackQuantized.weight(tensors, module, ".weight", suffix, rows, columns);
    }
    Granularity granularity = block;
    if (granularity == null) {
      granularity = granularity(tensors.find(module + suffix), rows, columns);
    }
    return FloatQuantized.weight(tensors, module, suffix, granularity, rows, columns);
  }

  private static Granularity granularity(@Nullable TensorView scales, int rows, int columns) {
    if (scales == null || scales.shape().elements() == 1) {
      return Granularity.TENSOR;
    }
    int groups = FloatQuantized.MX.columnBlocks(columns);
    return groups > 1 && scales.shape().is(rows, groups) ? FloatQuantized.MX : Granularity.CHANNEL;
  }

  private String scaleSuffix(TensorStore tensors, String module) {
    return SCALES.stream()
        .filter(suffix -> tensors.names().contains(module + suffix))
        .findFirst()
        .orElse(block == null ? SCALES.get(1) : SCALES.getFirst());
  }

  @Override
  public @Nullable ExpertStack findStack(
      TensorStore tensors, String name, int experts, int outputs, int inputs, boolean transposed) {
    Granularity blocks = block == null ? USUAL : block;
    return Fp8Stack.find(tensors, name, experts, outputs, inputs, transposed, blocks);
  }
}
