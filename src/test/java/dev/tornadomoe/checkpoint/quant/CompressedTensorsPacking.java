package dev.tornadomoe.checkpoint.quant;

import static dev.tornadomoe.tensor.HeapTensors.floats;
import static dev.tornadomoe.tensor.HeapTensors.i32;
import static dev.tornadomoe.tensor.HeapTensors.i64;

import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.Locale;

/// Packs as the format is defined: a signed value of -8 to 7 is stored plus 8, element i of a row
/// in bits 4i of the row's words; zero points likewise, but down the rows.
public final class CompressedTensorsPacking {
  private CompressedTensorsPacking() {}

  public static TensorSet symmetric(String module, Int4Values values, DType scales) {
    int rows = values.rows();
    int perRow = (values.columns() + 7) / 8;
    int[] words = new int[rows * perRow];
    float[] scale = new float[rows * values.groups()];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < values.columns(); column++) {
        int signed = values.q()[row][column] - 8;
        words[row * perRow + column / 8] |= signed + 8 << column % 8 * 4;
      }
      System.arraycopy(values.scale()[row], 0, scale, row * values.groups(), values.groups());
    }
    return TensorSet.of(
        i32(module + ".weight_packed", Shape.of(rows, perRow), words),
        floats(module + ".weight_scale", scales, Shape.of(rows, values.groups()), scale),
        i64(module + ".weight_shape", Shape.of(2), rows, values.columns()));
  }

  public static TensorSet asymmetric(String module, Int4Values values, DType scales) {
    int groups = values.groups();
    int[] words = new int[(values.rows() + 7) / 8 * groups];
    for (int row = 0; row < values.rows(); row++) {
      for (int group = 0; group < groups; group++) {
        int signed = values.zero()[row][group] - 8;
        words[row / 8 * groups + group] |= signed + 8 << row % 8 * 4;
      }
    }
    return symmetric(module, values, scales)
        .put(i32(module + ".weight_zero_point", Shape.of((values.rows() + 7) / 8, groups), words));
  }

  /// A sound layer `[8, 64]` in groups of 32 with zero points.
  static TensorSet sound(String module) {
    return asymmetric(module, Int4Values.asymmetric(71, 8, 64, 32), DType.BF16);
  }

  /// A config with one group, for all linear layers.
  static String config(String weights) {
    return String.format(
        Locale.ROOT,
        """
        {"quantization_config": {"quant_method": "compressed-tensors", "format": "pack-quantized",
          "config_groups": {"g": {"targets": ["Linear"], "weights": %s}}, "ignore": []}}
        """,
        weights);
  }
}
