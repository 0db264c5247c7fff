package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Mxfp4Matrix;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.EnumSet;
import java.util.Set;

/// compressed-tensors' `mxfp4-pack-quantized`
/// ([source](https://github.com/vllm-project/compressed-tensors/tree/main/src/compressed_tensors/compressors/mxfp4)):
/// `weight_packed` U8 `[out, in / 2]`, two E2M1 to a byte, the first in the lower nibble;
/// `weight_scale` U8 or F8_E8M0 `[out, in / 32]`, exponents plus 127.
final class Mxfp4PackQuantized implements CompressedTensors.Scheme {
  private static final Set<DType> BYTES = EnumSet.of(DType.U8, DType.I8);
  private static final Set<DType> EXPONENTS = EnumSet.of(DType.U8, DType.F8_E8M0);

  @Override
  public Weight weight(TensorStore tensors, String module, int rows, int columns) {
    return weight(tensors, module, ".weight_packed", rows, columns);
  }

  /// @param values what the packed elements' name adds to the module's
  static Weight weight(TensorStore tensors, String module, String values, int rows, int columns) {
    return weight(tensors, module, values, ".weight_scale", rows, columns);
  }

  /// @param values what the packed elements' name adds to the module's
  /// @param exponents what the scales' name adds
  static Weight weight(
      TensorStore tensors, String module, String values, String exponents, int rows, int columns) {
    TensorView packed = tensors.require(module + values, BYTES, rows, Math.ceilDiv(columns, 2));
    TensorView scales =
        tensors.require(
            module + exponents, EXPONENTS, rows, Math.ceilDiv(columns, Mxfp4Matrix.GROUP));
    return new Mxfp4Weight(
        tensors.fileOf(scales.name()), module, RowSelection.all(rows), columns, packed, scales);
  }
}
