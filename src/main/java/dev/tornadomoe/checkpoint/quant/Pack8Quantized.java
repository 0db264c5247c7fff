package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// compressed-tensors' `pack-quantized` with 8 bits (W8A16): as [PackQuantized], but four elements
/// to a word and 128 added to each.
///
/// @param config the config file, for messages
/// @param granularity of the scales
/// @param asymmetric whether there are zero points
/// @param actOrder whether the config announces act-order; the file has the last word
record Pack8Quantized(Path config, Granularity granularity, boolean asymmetric, boolean actOrder)
    implements CompressedTensors.Scheme {

  @Override
  public Weight weight(TensorStore tensors, String module, int rows, int columns) {
    PackQuantized.requireShape(config, tensors, module + ".weight_shape", rows, columns);
    TensorView packed =
        tensors.require(
            module + ".weight_packed", Set.of(DType.I32), rows, Math.ceilDiv(columns, 4));
    TensorView scales =
        granularity.require(tensors, module + ".weight_scale", Quantization.FLOATS, rows, columns);
    return new Int8Weight(
        tensors.fileOf(packed.name()),
        module,
        rows,
        columns,
        packed,
        granularity,
        scales,
        asymmetric ? zeroPoints(tensors, module + ".weight_zero_point", rows, columns) : null,
        PackQuantized.groupIndex(tensors, module, columns, actOrder));
  }

  private @Nullable TensorView zeroPoints(TensorStore tensors, String name, int rows, int columns) {
    boolean packed = tensors.require(name).dtype() != DType.I8;
    return tensors.require(
        name,
        Set.of(DType.I32, DType.I8),
        packed ? Math.ceilDiv(rows, 4) : rows,
        granularity.columnBlocks(columns));
  }
}
