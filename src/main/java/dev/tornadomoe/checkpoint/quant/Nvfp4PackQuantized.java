package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Nvfp4Matrix;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.Set;

/// compressed-tensors' `nvfp4-pack-quantized`
/// ([source](https://github.com/vllm-project/compressed-tensors/tree/main/src/compressed_tensors/compressors/nvfp4)):
/// `weight_packed` U8 `[out, in / 2]`, two E2M1 to a byte, the first in the lower nibble;
/// `weight_scale` F8_E4M3 `[out, in / 16]`; `weight_global_scale` F32 `[1]`, which divides: value =
/// element * weight_scale / weight_global_scale.
final class Nvfp4PackQuantized implements CompressedTensors.Scheme {
  private static final Set<DType> BYTES = Set.of(DType.U8);
  private static final Set<DType> FP8 = Set.of(DType.F8_E4M3);

  @Override
  public Weight weight(TensorStore tensors, String module, int rows, int columns) {
    return weight(tensors, module, ".weight_packed", ".weight_global_scale", true, rows, columns);
  }

  /// @param values what the packed elements' name adds to the module's
  /// @param global what the name of the factor on all scales adds
  /// @param divides whether the scales are divided by it, or multiplied
  static Weight weight(
      TensorStore tensors,
      String module,
      String values,
      String global,
      boolean divides,
      int rows,
      int columns) {
    TensorView packed = tensors.require(module + values, BYTES, rows, Math.ceilDiv(columns, 2));
    TensorView scales =
        tensors.require(
            module + ".weight_scale", FP8, rows, Math.ceilDiv(columns, Nvfp4Matrix.GROUP));
    TensorView factor =
        Granularity.TENSOR.require(tensors, module + global, Quantization.FLOATS, rows, columns);
    return new Nvfp4Weight(
        tensors.fileOf(scales.name()), module, columns, packed, scales, factor, divides);
  }
}
