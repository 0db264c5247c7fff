package dev.tornadomoe.checkpoint.quant;

import static dev.tornadomoe.tensor.HeapTensors.floats;
import static dev.tornadomoe.tensor.HeapTensors.i32;

import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;

/// Packs as AutoGPTQ does: eight inputs of one output to a word of `qweight`, eight outputs of one
/// group to a word of `qzeros`, lowest first.
public final class GptqPacking {
  private GptqPacking() {}

  /// Version 1, whose zero points are stored minus one.
  public static TensorSet v1(String module, Int4Values values, DType scales) {
    return pack(module, values, scales, 1);
  }

  /// Version 2, whose zero points are stored as they are.
  public static TensorSet v2(String module, Int4Values values, DType scales) {
    return pack(module, values, scales, 0);
  }

  private static TensorSet pack(String module, Int4Values values, DType dtype, int minus) {
    int rows = values.rows();
    int columns = values.columns();
    int groups = values.groups();
    int inputWords = (columns + 7) / 8;
    int outputWords = (rows + 7) / 8;
    int[] weights = new int[inputWords * rows];
    int[] zeros = new int[groups * outputWords];
    float[] scales = new float[groups * rows];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        weights[column / 8 * rows + row] |= values.q()[row][column] << column % 8 * 4;
      }
      for (int group = 0; group < groups; group++) {
        int stored = values.zero()[row][group] - minus & 15;
        zeros[group * outputWords + row / 8] |= stored << row % 8 * 4;
        scales[group * rows + row] = values.scale()[row][group];
      }
    }
    return TensorSet.of(
        i32(module + ".qweight", Shape.of(inputWords, rows), weights),
        i32(module + ".qzeros", Shape.of(groups, outputWords), zeros),
        floats(module + ".scales", dtype, Shape.of(groups, rows), scales),
        i32(module + ".g_idx", Shape.of(columns), values.groupOf()));
  }
}
