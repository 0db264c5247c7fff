package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A GPTQ weight of 4 bits.
///
/// @param parts as they are stored, eight elements to a word
record Gptq4Weight(GptqParts parts) implements Weight {

  @Override
  public String name() {
    return parts.name();
  }

  @Override
  public int rows() {
    return parts.rows();
  }

  @Override
  public int columns() {
    return parts.columns();
  }

  @Override
  public WeightFormat format() {
    return WeightFormat.int4(
        parts.scales().dtype(),
        parts.groupSize(),
        !parts.symmetric(),
        parts.actOrder() && parts.groupOf() != null);
  }

  @Override
  public long bytesToLoad() {
    return bytes();
  }

  @Override
  public Int4Matrix load(Arena arena) {
    Int4Parts.requireUsable(parts.file(), parts.scales());
    int groups = Math.ceilDiv(columns(), parts.groupSize());
    TensorView groupOf = parts.groupOf();
    int[] order =
        groupOf == null
            ? null
            : Int4Parts.columnOrder(parts.file(), groupOf, columns(), parts.groupSize());
    int perGroup = Math.ceilDiv(rows(), 8);
    int[] zeros = Int4Parts.words(parts.zeros());
    return new Int4Matrix(
        rows(),
        columns(),
        parts.groupSize(),
        order == null ? parts.packed().transposed(arena).data() : sorted(order, arena),
        parts.scales().transposed(arena),
        Int4Parts.zeros(
            rows(),
            groups,
            arena,
            (row, group) ->
                ((zeros[group * perGroup + row / 8] >>> (row % 8 * 4)) + parts.zeroOffset()) & 15),
        order);
  }

  private MemorySegment sorted(int[] order, Arena arena) {
    try (Arena temporary = Arena.ofConfined()) {
      return Int4Words.sorted(parts.packed().transposed(temporary).data(), rows(), order, arena);
    }
  }
}
