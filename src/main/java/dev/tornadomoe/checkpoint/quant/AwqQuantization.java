package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// AutoAWQ's GEMM layout
/// ([source](https://github.com/casper-hansen/AutoAWQ/blob/main/awq/modules/linear/gemm.py)): value
/// = (q - zero) * scale with `qweight` I32 `[in, out / 8]`, `qzeros` I32 `[groups, out / 8]` and
/// `scales` `[groups, out]`. Nibble i of a word, counted from the lowest bits, belongs to output 0,
/// 2, 4, 6, 1, 3, 5, 7 of the word's eight.
///
/// @param rules what the config says, and of some modules otherwise
record AwqQuantization(ModuleRules rules) implements Quantization {
  private static final Set<DType> INT = Set.of(DType.I32);

  static Quantization of(QuantizationJson config) {
    return new AwqQuantization(new ModuleRules(config, List.of()));
  }

  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    if (!tensors.names().contains(module + ".qweight")
        && tensors.names().contains(module + ".weight")) {
      return null; // on the list modules_to_not_convert
    }
    QuantizationJson fields = rules.of(module);
    if (fields == null) {
      throw rules.leftOut(tensors, module);
    }
    int bits = fields.number("bits", fields.number("w_bit", 4));
    String version = fields.text("version", fields.text("format", "gemm"));
    if (bits != 4 || !version.equalsIgnoreCase("gemm")) {
      throw fields.unsupported(
          String.format(Locale.ROOT, "AWQ with %d bits in version \"%s\"", bits, version));
    }
    int groupSize =
        fields.value("group_size") == null
            ? fields.groupSize("q_group_size", 128)
            : fields.groupSize();
    if (rows % 8 != 0) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: AWQ packs eight outputs to a word, but \"%s\" has %d",
              fields.file(),
              module,
              rows));
    }
    int size = Int4Parts.columnsPerScale(groupSize, columns);
    int groups = Math.ceilDiv(columns, size);
    TensorView words = tensors.require(module + ".qweight", INT, columns, rows / 8);
    return new Gemm(
        tensors.fileOf(words.name()),
        module,
        rows,
        columns,
        size,
        words,
        tensors.require(module + ".scales", FLOATS, groups, rows),
        // Some exporters write zeros of 8 although their config says zero_point: false.
        fields.flag("zero_point", true) || tensors.names().contains(module + ".qzeros")
            ? tensors.require(module + ".qzeros", INT, groups, rows / 8)
            : null);
  }

  private record Gemm(
      String file,
      String name,
      int rows,
      int columns,
      int groupSize,
      TensorView packed,
      TensorView scales,
      @Nullable TensorView zeros)
      implements Weight {
    private static final ValueLayout.OfInt WORD =
        ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    @Override
    public WeightFormat format() {
      return WeightFormat.int4(scales.dtype(), groupSize, zeros != null, false);
    }

    @Override
    public long bytesToLoad() {
      return bytes();
    }

    @Override
    public Int4Matrix load(Arena arena) {
      Int4Parts.requireUsable(file, scales);
      int groups = Math.ceilDiv(columns, groupSize);
      return new Int4Matrix(
          rows,
          columns,
          groupSize,
          transposed(arena),
          scales.transposed(arena),
          zeros == null ? null : Int4Parts.zeros(rows, groups, arena, zeroPoint(zeros)),
          null);
    }

    private Int4Parts.ZeroPoint zeroPoint(TensorView stored) {
      int[] words = Int4Parts.words(stored);
      return (row, group) -> (words[group * (rows / 8) + row / 8] >>> shiftOf(row)) & 15;
    }

    /// Where in its word the nibble of an output stands.
    private static int shiftOf(int row) {
      int output = row % 8;
      return 4 * (output / 2 + output % 2 * 4);
    }

    /// Turns words of eight outputs of one input into words of eight inputs of one output.
    private MemorySegment transposed(Arena arena) {
      int perRow = Math.ceilDiv(columns, 8);
      MemorySegment words = arena.allocate((long) rows * perRow * 4, 64);
      MemorySegment source = packed.data();
      int[] block = new int[8];
      for (int first = 0; first < columns; first += 8) {
        int inputs = Math.min(8, columns - first);
        for (int row = 0; row < rows; row += 8) {
          for (int i = 0; i < inputs; i++) {
            block[i] = source.get(WORD, ((long) (first + i) * (rows / 8) + row / 8) * 4);
          }
          for (int output = 0; output < 8; output++) {
            int shift = shiftOf(output);
            int word = 0;
            for (int i = 0; i < inputs; i++) {
              word |= ((block[i] >>> shift) & 15) << (4 * i);
            }
            words.set(WORD, ((long) (row + output) * perRow + first / 8) * 4, word);
          }
        }
      }
      return words;
    }
  }
}
