package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int8Matrix;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A GPTQ weight of 8 bits. Its bytes are 0 to 255, which an [Int8Matrix] has as elements plus 128;
/// so are its zero points.
///
/// @param parts as they are stored, four elements to a word
record Gptq8Weight(GptqParts parts) implements Weight {
  private static final int HALF = 128;

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
    return new WeightFormat(
        Coding.INT8,
        parts.scales().dtype(),
        1,
        parts.groupSize(),
        !parts.symmetric(),
        parts.actOrder() && parts.groupOf() != null);
  }

  @Override
  public long bytesToLoad() {
    return bytes();
  }

  @Override
  public Int8Matrix load(Arena arena) {
    Int4Parts.requireUsable(parts.file(), parts.scales());
    RowSelection all = RowSelection.all(rows());
    Granularity granularity = Granularity.group(parts.groupSize());
    TensorView zeros = zeros(arena);
    return new Int8Matrix(
        rows(),
        columns(),
        Math.ceilDiv(columns(), 4) * 4L,
        parts.packed().transposed(arena).data(),
        HALF,
        granularity.grid(parts.scales().transposed(arena), all, columns()),
        zeros == null ? null : granularity.grid(zeros, all, columns()),
        parts.groupOf() == null ? null : groups(parts.groupOf()));
  }

  /// I8 `[rows, groups]`, or null when the config says that all are in the middle.
  private @Nullable TensorView zeros(Arena arena) {
    int groups = Math.ceilDiv(columns(), parts.groupSize());
    long perGroup = Math.ceilDiv(rows(), 4);
    MemorySegment bytes = arena.allocate((long) rows() * groups);
    for (int row = 0; row < rows(); row++) {
      for (int group = 0; group < groups; group++) {
        int word = (int) parts.zeros().getLong(group * perGroup + row / 4);
        int zero = ((word >>> (row % 4 * 8)) + parts.zeroOffset()) & 0xFF;
        if (parts.symmetric() && zero != HALF) {
          throw new CheckpointException(
              String.format(
                  Locale.ROOT,
                  "%s: tensor \"%s\" has zero point %d for output %d, but the config says \"sym\","
                      + " which is %d",
                  parts.file(),
                  parts.zeros().name(),
                  zero,
                  row,
                  HALF));
        }
        bytes.set(ValueLayout.JAVA_BYTE, (long) row * groups + group, (byte) (zero - HALF));
      }
    }
    return parts.symmetric()
        ? null
        : new TensorView(parts.zeros().name(), DType.I8, Shape.of(rows(), groups), bytes);
  }

  private int @Nullable [] groups(TensorView stored) {
    int count = Math.ceilDiv(columns(), parts.groupSize());
    int[] groups = new int[columns()];
    boolean sorted = true;
    for (int column = 0; column < columns(); column++) {
      long group = stored.getLong(column);
      if (group < 0 || group >= count) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: tensor \"%s\" puts column %d into group %d, expected 0 to %d",
                parts.file(),
                stored.name(),
                column,
                group,
                count - 1));
      }
      groups[column] = (int) group;
      sorted &= group == column / parts.groupSize();
    }
    return sorted ? null : groups;
  }
}
