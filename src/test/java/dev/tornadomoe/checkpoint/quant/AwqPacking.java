package dev.tornadomoe.checkpoint.quant;

import static dev.tornadomoe.tensor.HeapTensors.f16;
import static dev.tornadomoe.tensor.HeapTensors.i32;

import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.Shape;

/// Packs as AutoAWQ's GEMM layout is defined: eight outputs of one input to a word, in its own
/// order of nibbles.
public final class AwqPacking {
  /// Which of a word's eight outputs nibble i holds.
  private static final int[] ORDER = {0, 2, 4, 6, 1, 3, 5, 7};

  private AwqPacking() {}

  public static TensorSet pack(String module, Int4Values values) {
    int rows = values.rows();
    int columns = values.columns();
    int groups = values.groups();
    int[] weights = new int[columns * rows / 8];
    int[] zeros = new int[groups * rows / 8];
    float[] scales = new float[groups * rows];
    for (int block = 0; block < rows / 8; block++) {
      for (int nibble = 0; nibble < 8; nibble++) {
        int row = 8 * block + ORDER[nibble];
        for (int column = 0; column < columns; column++) {
          weights[column * rows / 8 + block] |= values.q()[row][column] << 4 * nibble;
        }
        for (int group = 0; group < groups; group++) {
          zeros[group * rows / 8 + block] |= values.zero()[row][group] << 4 * nibble;
          scales[group * rows + row] = values.scale()[row][group];
        }
      }
    }
    return TensorSet.of(
        i32(module + ".qweight", Shape.of(columns, rows / 8), weights),
        i32(module + ".qzeros", Shape.of(groups, rows / 8), zeros),
        f16(module + ".scales", Shape.of(groups, rows), scales));
  }
}
