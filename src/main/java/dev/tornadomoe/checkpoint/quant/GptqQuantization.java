package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// GPTQ as AutoGPTQ and GPTQModel store it
/// ([source](https://github.com/ModelCloud/GPTQModel/blob/main/gptqmodel/nn_modules/qlinear/__init__.py)):
/// value = (q - zero) * scale with `qweight` I32 `[ceil(in / 8), out]`, lowest input in the lowest
/// bits, `qzeros` I32 `[groups, out / 8]`, `scales` `[groups, out]`, and `g_idx` `[in]`, the group
/// of each input. Version 1 (`checkpoint_format` "gptq") stores each zero minus one, modulo 16,
/// version 2 as it is.
///
/// @param config for messages
/// @param groupSize columns per scale, 0 for one scale per row
/// @param actOrder whether the config announces act-order (`desc_act`)
/// @param symmetric whether the config announces that every zero is 8; the file has the last word
/// @param zeroOffset what is added to a stored zero: 1 in version 1
record GptqQuantization(
    QuantizationJson config, int groupSize, boolean actOrder, boolean symmetric, int zeroOffset)
    implements Quantization {
  private static final Set<DType> INT = Set.of(DType.I32);

  static Quantization of(QuantizationJson config) {
    int bits = config.number("bits", 4);
    String format = config.text("checkpoint_format", config.text("format", "gptq"));
    if (bits != 4 || !(format.equals("gptq") || format.equals("gptq_v2"))) {
      return (tensors, module, rows, columns) -> {
        throw config.unsupported(
            String.format(
                Locale.ROOT, "GPTQ with %d bits in checkpoint_format \"%s\"", bits, format));
      };
    }
    return new GptqQuantization(
        config,
        config.groupSize(),
        config.flag("desc_act", false),
        config.flag("sym", true),
        format.equals("gptq") ? 1 : 0);
  }

  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    if (!tensors.names().contains(module + ".qweight")
        && tensors.names().contains(module + ".weight")) {
      return null; // not among the quantised modules
    }
    int size = Int4Parts.columnsPerScale(groupSize, columns);
    int groups = Math.ceilDiv(columns, size);
    TensorView words = tensors.require(module + ".qweight", INT, Math.ceilDiv(columns, 8), rows);
    String groupIndex = module + ".g_idx";
    boolean indexed = tensors.names().contains(groupIndex);
    if (actOrder && !indexed) {
      tensors.require(groupIndex); // says that it is missing
    }
    return new Packed(
        this,
        tensors.fileOf(words.name()),
        module,
        rows,
        columns,
        size,
        words,
        tensors.require(module + ".scales", FLOATS, groups, rows),
        tensors.require(module + ".qzeros", INT, groups, Math.ceilDiv(rows, 8)),
        indexed ? tensors.require(groupIndex, Set.of(DType.I32, DType.I64), columns) : null);
  }

  private record Packed(
      GptqQuantization storage,
      String file,
      String name,
      int rows,
      int columns,
      int groupSize,
      TensorView packed,
      TensorView scales,
      TensorView zeros,
      @Nullable TensorView groupOf)
      implements Weight {

    @Override
    public WeightFormat format() {
      return WeightFormat.int4(
          scales.dtype(), groupSize, !storage.symmetric, storage.actOrder && groupOf != null);
    }

    @Override
    public long bytesToLoad() {
      return bytes();
    }

    @Override
    public Int4Matrix load(Arena arena) {
      Int4Parts.requireUsable(file, scales);
      int groups = Math.ceilDiv(columns, groupSize);
      int[] order =
          groupOf == null ? null : Int4Parts.columnOrder(file, groupOf, columns, groupSize);
      return new Int4Matrix(
          rows,
          columns,
          groupSize,
          order == null ? packed.transposed(arena).data() : sorted(order, arena),
          scales.transposed(arena),
          Int4Parts.zeros(
              rows,
              groups,
              arena,
              (row, group) ->
                  (((int) zeros.getLong((long) group * Math.ceilDiv(rows, 8) + row / 8)
                              >>> (row % 8 * 4))
                          + storage.zeroOffset)
                      & 15),
          order);
    }

    private MemorySegment sorted(int[] order, Arena arena) {
      return Int4Words.write(
          rows,
          columns,
          arena,
          (row, column) ->
              (int) packed.getLong((long) (order[column] / 8) * rows + row)
                  >>> (order[column] % 8 * 4));
    }
  }
}
