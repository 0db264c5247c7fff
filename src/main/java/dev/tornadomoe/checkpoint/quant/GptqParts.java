package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.TensorView;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What a GPTQ weight is stored as, found and of the right shapes.
///
/// @param file for messages
/// @param name the module's
/// @param rows output features
/// @param columns input features
/// @param groupSize columns per scale
/// @param actOrder whether the config announces act-order (`desc_act`)
/// @param symmetric whether it announces that every zero is the middle of the range
/// @param zeroOffset what is added to a stored zero: 1 in version 1
/// @param packed I32 `[ceil(in / elements of a word), out]`
/// @param scales `[groups, out]`
/// @param zeros I32 `[groups, ceil(out / elements of a word)]`
/// @param groupOf `[in]`, the group of each column, or null where they follow each other
record GptqParts(
    String file,
    String name,
    int rows,
    int columns,
    int groupSize,
    boolean actOrder,
    boolean symmetric,
    int zeroOffset,
    TensorView packed,
    TensorView scales,
    TensorView zeros,
    @Nullable TensorView groupOf) {
  private static final Set<DType> INT = Set.of(DType.I32);

  /// @param fields what the config says of the module
  /// @param perWord elements in a word
  /// @param zeroOffset what is added to a stored zero
  static GptqParts find(
      QuantizationJson fields,
      TensorStore tensors,
      String module,
      int rows,
      int columns,
      int perWord,
      int zeroOffset) {
    int size = Int4Parts.columnsPerScale(fields.groupSize(), columns);
    int groups = Math.ceilDiv(columns, size);
    boolean actOrder = fields.flag("desc_act", false);
    TensorView words =
        tensors.require(module + ".qweight", INT, Math.ceilDiv(columns, perWord), rows);
    String groupIndex = module + ".g_idx";
    boolean indexed = actOrder || tensors.names().contains(groupIndex);
    return new GptqParts(
        tensors.fileOf(words.name()),
        module,
        rows,
        columns,
        size,
        actOrder,
        fields.flag("sym", true),
        zeroOffset,
        words,
        tensors.require(module + ".scales", Quantization.FLOATS, groups, rows),
        tensors.require(module + ".qzeros", INT, groups, Math.ceilDiv(rows, perWord)),
        indexed ? tensors.require(groupIndex, Set.of(DType.I32, DType.I64), columns) : null);
  }
}
