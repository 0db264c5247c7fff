package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.Set;

/// compressed-tensors' `int-quantized` with 8 bits
/// ([source](https://github.com/vllm-project/compressed-tensors/tree/main/src/compressed_tensors/compressors/naive_quantized)):
/// `weight` I8 `[out, in]`, `weight_scale` `[1]`, `[out, 1]` or `[out, groups]`,
/// `weight_zero_point` I8 of the same shape. Quantisation of activations, which configs announce
/// beside it, is up to a runtime and not done here.
///
/// @param granularity of the scales
/// @param asymmetric whether there are zero points
/// @param actOrder whether the config announces act-order; the file has the last word
record IntQuantized(Granularity granularity, boolean asymmetric, boolean actOrder)
    implements CompressedTensors.Scheme {
  private static final Set<DType> INT8 = Set.of(DType.I8);

  @Override
  public Weight weight(TensorStore tensors, String module, int rows, int columns) {
    TensorView values = tensors.require(module + ".weight", INT8, rows, columns);
    TensorView scales =
        granularity.require(tensors, module + ".weight_scale", Quantization.FLOATS, rows, columns);
    return new Int8Weight(
        tensors.fileOf(scales.name()),
        module,
        rows,
        columns,
        values,
        granularity,
        scales,
        asymmetric
            ? granularity.require(tensors, module + ".weight_zero_point", INT8, rows, columns)
            : null,
        PackQuantized.groupIndex(tensors, module, columns, actOrder));
  }
}
