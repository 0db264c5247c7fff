package dev.tornadomoe.tornado.weights;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.kernel.Chunks;
import dev.tornadomoe.tornado.kernel.Flags;
import dev.tornadomoe.tornado.kernel.SpanBlocks;
import dev.tornadomoe.tornado.kernel.Spans;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// How matrices of one shape are kept on a device, in the layout that the kernels' `Chunks`
/// describes: blocks of 8 rows, chunks of 8 columns, both filled up with zeros.
///
/// Matrices of 4 and 8 bits stay so if all have the same groups and a chunk never lies in two of
/// them ([CodedRows] says which formats can); 16-bit ones stay so if all have the same type;
/// everything else becomes F32.
///
/// @param rows of each matrix
/// @param columns of each matrix
/// @param groupSize columns per scale; all of them for weights without scales
/// @param flags [Flags] of the format
public record Storage(int rows, int columns, int groupSize, int flags) {
  /// Columns of a span.
  private static final int SPAN = 32;

  private static final int FORMAT =
      Flags.SCALED | Flags.ZERO_POINTS | Flags.ACT_ORDER | Flags.F16 | Flags.BF16;

  /// How these weights are kept.
  static Storage of(List<Weight> weights) {
    Weight first = weights.getFirst();
    List<WeightFormat> formats = weights.stream().map(Weight::format).distinct().toList();
    int columns = first.columns();
    int ragged = columns % 8 == 0 ? 0 : Flags.RAGGED;
    int group = formats.getFirst().groupSize();
    if (formats.stream().allMatch(format -> format.isInt4() && format.groupSize() == group)
        && (group % 8 == 0 || group >= columns)) {
      int flags = Flags.INT4 | ragged;
      for (WeightFormat format : formats) {
        flags |= format.zeroPoints() ? Flags.ZERO_POINTS : 0;
        flags |= format.actOrder() ? Flags.ACT_ORDER : 0;
      }
      return new Storage(first.rows(), columns, group, flags);
    }
    Storage coded = formats.size() == 1 ? coded(first) : null;
    if (coded != null) {
      return coded;
    }
    DType type =
        formats.size() == 1 && formats.getFirst().isDense()
            ? formats.getFirst().element()
            : DType.F32;
    return new Storage(
        first.rows(),
        columns,
        columns,
        ragged
            | switch (type) {
              case F16 -> Flags.F16;
              case BF16 -> Flags.BF16;
              default -> 0;
            });
  }

  /// As codes with scales, or null for a format that can't be kept so.
  private static @Nullable Storage coded(Weight weight) {
    WeightFormat format = weight.format();
    CodedRows.Kind kind = CodedRows.kind(format.coding());
    if (kind == null || format.actOrder()) {
      return null;
    }
    int columns = weight.columns();
    int group = kind.groupSize() > 0 ? kind.groupSize() : format.groupSize();
    group = group == 0 ? columns : group;
    return group % 8 != 0 && group < columns
        ? null
        : new Storage(
            weight.rows(),
            columns,
            group,
            kind.flags()
                | (columns % 8 == 0 ? 0 : Flags.RAGGED)
                | (format.zeroPoints() ? Flags.ZERO_POINTS : 0));
  }

  /// A dense matrix of F32, whatever its own format, one row after the other.
  static Storage rowMajor(int rows, int columns) {
    return new Storage(rows, columns, columns, Flags.ROW_MAJOR);
  }

  boolean is(int flag) {
    return (flags & flag) != 0;
  }

  /// Whether it is F32, one row after the other.
  boolean isRowMajor() {
    return !isScaled() && is(Flags.ROW_MAJOR);
  }

  /// Whether elements are codes with a scale for each group.
  boolean isScaled() {
    return is(Flags.SCALED);
  }

  boolean is16Bit() {
    return is(Flags.F16 | Flags.BF16);
  }

  int format() {
    return flags & FORMAT;
  }

  /// As in `bf16` or `int4 g32 zero-points act-order`: what kernels for it depend on.
  public String text() {
    if (!isScaled()) {
      return is(Flags.F16) ? "f16" : is(Flags.BF16) ? "bf16" : "f32";
    }
    return String.format(
        Locale.ROOT,
        "%s g%d%s%s",
        is(Flags.INT4) ? "int4" : is(Flags.FP4) ? "fp4" : is(Flags.INT8) ? "int8" : "fp8",
        groupSize,
        is(Flags.ZERO_POINTS) ? " zero-points" : "",
        is(Flags.ACT_ORDER) ? " act-order" : "");
  }

  /// Blocks of 8 rows in a matrix.
  int blocks() {
    return Math.ceilDiv(rows, 8);
  }

  /// Chunks of 8 columns in a row.
  int chunks() {
    return Math.ceilDiv(columns, 8);
  }

  int groups() {
    return Math.ceilDiv(columns, groupSize);
  }

  /// Words of one matrix.
  long words() {
    if (isScaled()) {
      return strips() * Chunks.stripWords(columns, flags);
    }
    return is16Bit() ? (long) blocks() * chunks() * 32 : 0;
  }

  /// Words before those of the first matrix.
  int firstWord() {
    return isScaled() ? Chunks.FIRST : 0;
  }

  /// Words, and scales, behind those of the last matrix, which kernels read and nobody needs.
  int spareWords() {
    return isScaled() ? Spans.SPARE * Chunks.stripWords(columns, flags) : 0;
  }

  int spareScales() {
    return isScaled() ? Spans.SPARE * Chunks.stripScales(columns, groupSize, flags) : 0;
  }

  /// Scales of one matrix, or its values if it is kept as F32.
  long scales() {
    if (isScaled()) {
      return strips() * Chunks.stripScales(columns, groupSize, flags);
    }
    return is16Bit() ? 0 : (long) blocks() * chunks() * 64;
  }

  /// Elements before the scales: E4M3's values.
  int table() {
    return is(Flags.FP8) ? Chunks.TABLE : 0;
  }

  /// Rows of a strip.
  int lanes() {
    return Flags.lanes(flags);
  }

  /// Strips of a matrix.
  private long strips() {
    return (long) blocks() * 8 / lanes();
  }

  /// The same in strips of as many rows as a work-group has work-items for, one for each row and
  /// span.
  Storage inStrips(DeviceLimits device) {
    int lanes = 8;
    long most = Math.min(Spans.MOST_THREADS, device.workGroup());
    while (lanes > 1 && (long) lanes * columns / SPAN > most) {
      lanes /= 2;
    }
    return inStrips(lanes);
  }

  /// The same in strips of so many rows.
  Storage inStrips(int lanes) {
    return isScaled()
        ? new Storage(rows, columns, groupSize, (flags & ~Flags.strips(8)) | Flags.strips(lanes))
        : this;
  }

  /// Whether `SpanGateUp` and `SpanDown` can read it: codes with scales in the columns' own order,
  /// in spans, none of which a group begins or ends in but those that it divides.
  public boolean hasSpans() {
    return is(Flags.INT4 | Flags.FP4 | Flags.INT8)
        && !is(Flags.ACT_ORDER)
        && columns % SPAN == 0
        && (groupSize % SPAN == 0 || SPAN % groupSize == 0);
  }

  /// Rows of each matrix that a work-item takes of a span: as many as keep 16 words in registers.
  ///
  /// @param matrices 2 for gate and up, 1 for down
  public int rowsOfSpan(int matrices) {
    return (is(Flags.INT8) ? 2 : 4) / matrices;
  }

  /// Whether `SpanBlocks` can read it for so many pairs at once: a work-group has a work-item for
  /// each span of a strip, and local memory for the pairs' activations.
  ///
  /// @param matrices 2 for gate and up, 1 for down
  public boolean hasSpanBlocks(DeviceLimits device, int matrices, int tokens) {
    if (!hasSpans()) {
      return false;
    }
    int kernelFlags = flags | Flags.rows(rowsOfSpan(matrices));
    return SpanBlocks.threads(columns, kernelFlags)
            <= Math.min(Spans.MOST_THREADS, device.workGroup())
        && SpanBlocks.localFloats(columns, kernelFlags, tokens, matrices) * 4L
            <= device.localBytes();
  }

  /// Elements of the larger of the two arrays, for one matrix.
  long largest() {
    return Math.max(words(), scales());
  }

  /// Elements that stand around those of the matrices, in the array that has the most.
  int mostAround() {
    return Math.max(firstWord() + spareWords(), table() + spareScales());
  }

  /// Bytes of matrices together, with what stands before and behind them in each array.
  ///
  /// @param arrays that they are divided into
  long bytes(long matrices, long arrays) {
    int around = firstWord() + spareWords() + table() + spareScales();
    return (matrices * (words() + scales()) + arrays * around) * 4;
  }

  /// What a device takes beside them that gives large arrays whole pages.
  ///
  /// @param arrays that they are divided into
  /// @param page bytes of one
  long unusedOfPages(long matrices, long arrays, long page) {
    return unusedOfPages(4 * matrices * words(), 4L * (firstWord() + spareWords()), arrays, page)
        + unusedOfPages(4 * matrices * scales(), 4L * (table() + spareScales()), arrays, page);
  }

  /// @param around what each array has beside its part
  private static long unusedOfPages(long bytes, long around, long arrays, long page) {
    if (bytes / arrays + around < page / 2) {
      return 0; // small ones share a page
    }
    return arrays == 1 ? Math.floorMod(-bytes - around, page) : arrays * page;
  }
}
