package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Mxfp4Matrix;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Locale;

/// An MXFP4 weight, or a part of the outputs of one, on the file's own bytes.
///
/// @param file for messages
/// @param name for messages
/// @param selection which of the stored outputs
/// @param columns input features
/// @param packed U8, its first dimension the stored outputs
/// @param scales U8 or F8_E8M0, `[stored outputs, ceil(in / 32)]`
record Mxfp4Weight(
    String file,
    String name,
    RowSelection selection,
    int columns,
    TensorView packed,
    TensorView scales)
    implements Weight {

  @Override
  public int rows() {
    return selection.count();
  }

  @Override
  public WeightFormat format() {
    return WeightFormat.scaled(Coding.MXFP4, DType.F8_E8M0, 1, Mxfp4Matrix.GROUP);
  }

  @Override
  public long bytesToLoad() {
    return 0;
  }

  @Override
  public Mxfp4Matrix load(Arena arena) {
    long perRow = Math.ceilDiv(columns, Mxfp4Matrix.GROUP);
    for (int row = 0; row < rows(); row++) {
      for (long at = selection.stored(row) * perRow, end = at + perRow; at < end; at++) {
        if (scales.data().get(ValueLayout.JAVA_BYTE, at) == -1) {
          throw new CheckpointException(
              String.format(
                  Locale.ROOT,
                  "%s: tensor \"%s\" has scale 255, which is NaN, at element %d, expected 0 to 254",
                  file,
                  scales.name(),
                  at));
        }
      }
    }
    long rowBytes = packed.data().byteSize() / packed.shape().dimension(0);
    return new Mxfp4Matrix(selection, columns, rowBytes, packed.data(), scales.data());
  }
}
