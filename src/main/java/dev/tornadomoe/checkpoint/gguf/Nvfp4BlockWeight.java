package dev.tornadomoe.checkpoint.gguf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Nvfp4Matrix;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A weight in ggml's NVFP4, or a part of the outputs of one
/// ([structure](https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-common.h),
/// `block_nvfp4`): 64 columns in 36 bytes, four E4M3 scales without a sign and, for each of them, 8
/// bytes whose lower nibbles are E2M1 of the first 8 columns and whose upper ones are those of the
/// last. A tensor that ends in `.scale` has a factor for each expert, which a block is too short
/// for. It is copied into the order of [Nvfp4Matrix].
///
/// @param file for messages
/// @param name for messages
/// @param selection which of the stored outputs
/// @param columns input features
/// @param data all stored outputs
/// @param factors F32, or null where there are none
/// @param factor which of them
record Nvfp4BlockWeight(
    String file,
    String name,
    RowSelection selection,
    int columns,
    MemorySegment data,
    @Nullable TensorView factors,
    int factor)
    implements Weight {
  private static final int GROUPS = 4;
  private static final int GROUP_BYTES = 8;

  @Override
  public int rows() {
    return selection.count();
  }

  @Override
  public WeightFormat format() {
    return WeightFormat.scaled(Coding.NVFP4, DType.F8_E4M3, 1, Nvfp4Matrix.GROUP);
  }

  @Override
  public long bytesToLoad() {
    return bytes();
  }

  @Override
  public Nvfp4Matrix load(Arena arena) {
    int groups = columns / Nvfp4Matrix.GROUP;
    MemorySegment packed = arena.allocate((long) rows() * columns / 2, 64);
    MemorySegment scales = arena.allocate((long) rows() * groups, 64);
    long blockBytes = GgmlType.NVFP4.blockBytes();
    for (int row = 0; row < rows(); row++) {
      long from = (long) selection.stored(row) * (groups / GROUPS) * blockBytes;
      for (int group = 0; group < groups; group++) {
        long block = from + group / GROUPS * blockBytes;
        byte scale = data.get(JAVA_BYTE, block + group % GROUPS);
        requireNumber(scale, row, group);
        long to = (long) row * groups + group;
        scales.set(JAVA_BYTE, to, scale);
        long nibbles = block + GROUPS + (long) group % GROUPS * GROUP_BYTES;
        for (int i = 0; i < GROUP_BYTES / 2; i++) {
          int first = data.get(JAVA_BYTE, nibbles + 2L * i);
          int second = data.get(JAVA_BYTE, nibbles + 2L * i + 1);
          packed.set(JAVA_BYTE, to * GROUP_BYTES + i, (byte) ((first & 15) | (second << 4)));
          packed.set(
              JAVA_BYTE,
              to * GROUP_BYTES + GROUP_BYTES / 2 + i,
              (byte) (((first >>> 4) & 15) | (second & 0xF0)));
        }
      }
    }
    return new Nvfp4Matrix(
        columns,
        new TensorView(name, DType.U8, Shape.of(rows(), columns / 2), packed),
        new TensorView(name, DType.F8_E4M3, Shape.of(rows(), groups), scales),
        multiplier());
  }

  /// The largest code is NaN in E4M3, those above it have a sign.
  private void requireNumber(byte scale, int row, int group) {
    if (scale < 0 || scale == 0x7F) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" has scale code %d in group %d of row %d, expected 0 to 126",
              file,
              name,
              scale & 0xFF,
              group,
              row));
    }
  }

  private float multiplier() {
    if (factors == null) {
      return 1;
    }
    float value = factors.getFloat(factor);
    if (!Float.isFinite(value) || value <= 0) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" has scale %s at element %d, expected a finite number above 0",
              file,
              factors.name(),
              value,
              factor));
    }
    return value;
  }
}
