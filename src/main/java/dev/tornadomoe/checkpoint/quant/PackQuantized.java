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
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// compressed-tensors' `pack-quantized` with 4 bits
/// ([source](https://github.com/vllm-project/compressed-tensors/tree/main/src/compressed_tensors/compressors/pack_quantized)):
/// `weight_packed` I32 `[out, ceil(in / 8)]` holds value + 8, lowest column in the lowest bits;
/// `weight_scale` `[out, groups]`; `weight_zero_point` I32 `[ceil(out / 8), groups]`, packed the
/// same way along out, or before April 2025 I8 `[out, groups]`, -8 to 7; `weight_g_idx` `[in]` with
/// act-order. Without act-order the file's own words and scales are used.
///
/// @param config the config file, for messages
/// @param groupSize columns per scale, 0 for one scale per row
/// @param asymmetric whether there are zero points
/// @param actOrder whether the config announces act-order; the file has the last word
record PackQuantized(Path config, int groupSize, boolean asymmetric, boolean actOrder)
    implements CompressedTensors.Scheme {
  private static final Set<DType> INT = Set.of(DType.I32);

  @Override
  public Weight weight(TensorStore tensors, String module, int rows, int columns) {
    int size = Int4Parts.columnsPerScale(groupSize, columns);
    int groups = Math.ceilDiv(columns, size);
    requireShape(config, tensors, module + ".weight_shape", rows, columns);
    TensorView packed =
        tensors.require(module + ".weight_packed", INT, rows, Math.ceilDiv(columns, 8));
    TensorView scales =
        tensors.require(module + ".weight_scale", Quantization.FLOATS, rows, groups);
    TensorView zeros =
        asymmetric ? zeroPoints(tensors, module + ".weight_zero_point", rows, groups) : null;
    TensorView groupOf = groupIndex(tensors, module, columns, actOrder);
    return new Packed(
        tensors.fileOf(packed.name()), module, rows, columns, size, packed, scales, zeros, groupOf);
  }

  private static TensorView zeroPoints(TensorStore tensors, String name, int rows, int groups) {
    boolean packed = tensors.require(name).dtype() != DType.I8;
    return tensors.require(
        name, Set.of(DType.I32, DType.I8), packed ? Math.ceilDiv(rows, 8) : rows, groups);
  }

  /// Each column's group where columns are not in the order of their groups, or null.
  static @Nullable TensorView groupIndex(
      TensorStore tensors, String module, int columns, boolean actOrder) {
    String name = module + ".weight_g_idx";
    return actOrder || tensors.names().contains(name)
        ? tensors.require(name, Set.of(DType.I32, DType.I64), columns)
        : null;
  }

  /// @throws CheckpointException when the file says that the unpacked weight has another shape
  static void requireShape(Path config, TensorStore tensors, String name, int rows, int columns) {
    TensorView shape = tensors.find(name);
    if (shape == null) {
      return; // older exports have none; the packed shape is checked in any case
    }
    tensors.require(name, Set.of(DType.I32, DType.I64), 2);
    if (shape.getLong(0) != rows || shape.getLong(1) != columns) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" says [%d, %d], %s needs [%d, %d]",
              tensors.fileOf(name),
              name,
              shape.getLong(0),
              shape.getLong(1),
              config,
              rows,
              columns));
    }
  }

  private record Packed(
      String file,
      String name,
      int rows,
      int columns,
      int groupSize,
      TensorView packed,
      TensorView scales,
      @Nullable TensorView zeros,
      @Nullable TensorView groupOf)
      implements Weight {

    @Override
    public WeightFormat format() {
      return WeightFormat.int4(scales.dtype(), groupSize, zeros != null, groupOf != null);
    }

    @Override
    public long bytesToLoad() {
      long zeroBytes = zeros == null ? 0 : (long) rows * Math.ceilDiv(columns, groupSize);
      return zeroBytes + (groupOf == null ? 0 : packed.data().byteSize());
    }

    @Override
    public Int4Matrix load(Arena arena) {
      Int4Parts.requireUsable(file, scales);
      MemorySegment zeroBytes =
          zeros == null
              ? null
              : Int4Parts.zeros(rows, Math.ceilDiv(columns, groupSize), arena, zeroPoint(zeros));
      int[] order =
          groupOf == null || isUnset(groupOf)
              ? null
              : Int4Parts.columnOrder(file, groupOf, columns, groupSize);
      MemorySegment words =
          order == null ? packed.data() : Int4Words.sorted(packed.data(), rows, order, arena);
      return new Int4Matrix(rows, columns, groupSize, words, scales, zeroBytes, order);
    }

    private Int4Parts.ZeroPoint zeroPoint(TensorView stored) {
      int groups = Math.ceilDiv(columns, groupSize);
      if (stored.dtype() == DType.I8) {
        requireSignedNibbles(stored);
        return (row, group) -> (int) stored.getLong((long) row * groups + group) + 8;
      }
      int[] words = Int4Parts.words(stored);
      return (row, group) -> (words[row / 8 * groups + group] >>> (row % 8 * 4)) & 15;
    }

    private void requireSignedNibbles(TensorView stored) {
      long count = stored.shape().elements();
      for (long i = 0; i < count; i++) {
        long zero = stored.getLong(i);
        if (zero < -8 || zero > 7) {
          throw new CheckpointException(
              String.format(
                  Locale.ROOT,
                  "%s: tensor \"%s\" has zero point %d at element %d, expected -8 to 7",
                  file,
                  stored.name(),
                  zero,
                  i));
        }
      }
    }

    /// One -1 marks the whole index as never set, as in the format's own reader.
    private static boolean isUnset(TensorView groupOf) {
      long count = groupOf.shape().elements();
      for (long i = 0; i < count; i++) {
        if (groupOf.getLong(i) == -1) {
          return true;
        }
      }
      return false;
    }
  }
}
