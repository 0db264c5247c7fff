package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.EnumSet;
import java.util.Set;

/// compressed-tensors' `float-quantized` and `mxfp8-quantized` with 8 bits
/// ([source](https://github.com/vllm-project/compressed-tensors/tree/main/src/compressed_tensors/compressors/naive_quantized)):
/// `weight` F8_E4M3 `[out, in]`, `weight_scale` `[1]`, `[out, 1]`, `[out, groups]` or a scale for
/// each block. Quantisation of activations, which configs announce beside it, is up to a runtime
/// and not done here.
///
/// @param granularity of the scales
record FloatQuantized(Granularity granularity) implements CompressedTensors.Scheme {
  private static final Set<DType> FP8 = Set.of(DType.F8_E4M3);

  /// Types that scales of FP8 weights have; powers of two in some exports, and in MXFP8, where U8
  /// means their exponents plus 127 as F8_E8M0 does.
  static final Set<DType> SCALES =
      EnumSet.of(DType.F32, DType.F16, DType.BF16, DType.F8_E8M0, DType.U8);

  /// Columns that share a scale in MXFP8.
  static final Granularity MX = Granularity.group(32);

  @Override
  public Weight weight(TensorStore tensors, String module, int rows, int columns) {
    return weight(tensors, module, ".weight_scale", granularity, rows, columns);
  }

  /// @param scale what the scales' name adds to the module's
  static Weight weight(
      TensorStore tensors,
      String module,
      String scale,
      Granularity granularity,
      int rows,
      int columns) {
    TensorView values = tensors.require(module + ".weight", FP8, rows, columns);
    TensorView scales =
        asFloats(granularity.require(tensors, module + scale, SCALES, rows, columns));
    return new Fp8Weight(
        tensors.fileOf(scales.name()),
        module,
        values,
        false,
        granularity.grid(scales, RowSelection.all(rows), columns));
  }

  /// Scales as the numbers that they are.
  static TensorView asFloats(TensorView scales) {
    return scales.dtype() == DType.U8
        ? new TensorView(scales.name(), DType.F8_E8M0, scales.shape(), scales.data())
        : scales;
  }
}
