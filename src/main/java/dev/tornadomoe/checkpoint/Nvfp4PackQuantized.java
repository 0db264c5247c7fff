package dev.tornadomoe.checkpoint;

import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Nvfp4Matrix;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
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
    TensorView packed =
        tensors.require(module + ".weight_packed", BYTES, rows, Math.ceilDiv(columns, 2));
    TensorView scales =
        tensors.require(
            module + ".weight_scale", FP8, rows, Math.ceilDiv(columns, Nvfp4Matrix.GROUP));
    TensorView global =
        Granularity.TENSOR.require(
            tensors, module + ".weight_global_scale", Quantization.FLOATS, rows, columns);
    return new Packed(tensors.fileOf(scales.name()), module, columns, packed, scales, global);
  }

  private record Packed(
      String file,
      String name,
      int columns,
      TensorView packed,
      TensorView scales,
      TensorView global)
      implements Weight {

    @Override
    public int rows() {
      return Math.toIntExact(packed.shape().dimension(0));
    }

    @Override
    public WeightFormat format() {
      return WeightFormat.scaled(Coding.NVFP4, DType.F8_E4M3, 1, Nvfp4Matrix.GROUP);
    }

    @Override
    public long bytesToLoad() {
      return 0;
    }

    @Override
    public Nvfp4Matrix load(Arena arena) {
      ScaleChecks.requirePositive(file, global);
      ScaleChecks.requireNotNegative(file, scales);
      return new Nvfp4Matrix(columns, packed, scales, 1 / global.getFloat(0));
    }
  }
}
