package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Mxfp4Matrix;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// MXFP4 as gpt-oss is released
/// ([source](https://github.com/openai/gpt-oss/blob/main/gpt_oss/torch/weights.py)): experts as one
/// tensor, `..._blocks` U8 `[E, out, in / 32, 16]` with two E2M1 to a byte, the first in the lower
/// nibble, and `..._scales` U8 `[E, out, in / 32]`, exponents plus 127. Everything else is
/// unquantised.
public final class Mxfp4Quantization implements Quantization {
  /// What the packed elements' name adds to the stack's.
  public static final String BLOCKS = "_blocks";

  private static final Set<DType> BYTES = Set.of(DType.U8);

  Mxfp4Quantization() {}

  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    return null;
  }

  @Override
  public @Nullable ExpertStack findStack(
      TensorStore tensors, String name, int experts, int outputs, int inputs, boolean transposed) {
    if (tensors.names().contains(name) && !tensors.names().contains(name + BLOCKS)) {
      return null; // unpacked again by a tool that left the config as it was
    }
    int groups = Math.ceilDiv(inputs, Mxfp4Matrix.GROUP);
    TensorView packed =
        tensors.require(name + BLOCKS, BYTES, experts, outputs, groups, Mxfp4Matrix.GROUP / 2);
    TensorView scales = tensors.require(name + "_scales", BYTES, experts, outputs, groups);
    String file = tensors.fileOf(scales.name());
    return (expert, rows, first, step) ->
        new Mxfp4Weight(
            file,
            name + "[" + expert + "]",
            new RowSelection(rows, first, step),
            inputs,
            packed.at(expert),
            scales.at(expert));
  }
}
