package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Nvfp4Matrix;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;

/// An NVFP4 weight, on the file's own bytes.
///
/// @param file for messages
/// @param name for messages
/// @param columns input features
/// @param packed U8 `[out, ceil(in / 2)]`
/// @param scales F8_E4M3 `[out, ceil(in / 16)]`
/// @param global one number for all scales
/// @param divides whether they are divided by it, or multiplied
record Nvfp4Weight(
    String file,
    String name,
    int columns,
    TensorView packed,
    TensorView scales,
    TensorView global,
    boolean divides)
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
    float factor = global.getFloat(0);
    return new Nvfp4Matrix(columns, packed, scales, divides ? 1 / factor : factor);
  }
}
