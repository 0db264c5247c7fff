package dev.tornadomoe.backend.cpu.kernel.decode;

import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;

import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.block.CodebookFormat;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// The IQ formats: an entry of the codebook is one or two vectors, and a row of a table their
/// signs.
final class VectorCodebook extends VectorBlocks {
  /// The most columns of a code.
  private static final int WIDTH = 8;

  private static final VectorSpecies<Float> FOUR = FloatVector.SPECIES_128;
  private static final VectorSpecies<Float> EIGHT = LANES < WIDTH ? FOUR : FloatVector.SPECIES_256;
  private static final VectorSpecies<Integer> FOUR_INTS = FOUR.withLanes(int.class);
  private static final VectorSpecies<Integer> EIGHT_INTS = EIGHT.withLanes(int.class);

  /// For each byte of signs the highest bits of 8 floats.
  private static final int[] SIGNS = new int[256 * WIDTH];

  static {
    for (int i = 0; i < SIGNS.length; i++) {
      SIGNS[i] = ((i / WIDTH) >>> (i % WIDTH)) << 31;
    }
  }

  private final CodebookFormat format;
  private final boolean hasOffsets;
  private final float[] levels;
  private final int width;

  VectorCodebook(BlockMatrix matrix, CodebookFormat format) {
    super(matrix);
    this.format = format;
    this.hasOffsets = format.hasOffsets();
    this.levels = format.codebook().levels();
    this.width = format.codebook().width();
  }

  @Override
  void decodeBlock(MemorySegment data, long at, float[] target, int to) {
    int codes = format.groupSize() / width;
    int groups = format.coding().columns() / format.groupSize();
    float factor = format.factor();
    for (int group = 0; group < groups; group++) {
      float scale = format.scale(data, at, group);
      // Formats without offsets add none, and -0 changes no number, nor a zero's sign.
      float offset = hasOffsets ? format.offset(data, at, group) : -0f;
      for (int number = group * codes; number < (group + 1) * codes; number++) {
        int from = format.code(data, at, number) * width;
        float addend = format.addend(data, at, number);
        int signs = (format.signs(data, at, number) & 255) * WIDTH;
        int place = to + number * width;
        if (width == WIDTH) {
          for (int i = 0; i < WIDTH; i += EIGHT.length()) {
            eight(levels, from + i, signs + i, factor, addend, scale, offset, target, place + i);
          }
        } else {
          four(levels, from, signs, factor, addend, scale, offset, target, place);
        }
      }
    }
  }

  // Two methods, so that each has constant shapes, without which vectors become objects.

  private static void four(
      float[] levels,
      int from,
      int signs,
      float factor,
      float addend,
      float scale,
      float offset,
      float[] target,
      int to) {
    FloatVector.fromArray(FOUR, levels, from)
        .reinterpretAsInts()
        .lanewise(VectorOperators.XOR, IntVector.fromArray(FOUR_INTS, SIGNS, signs))
        .reinterpretAsFloats()
        .mul(factor)
        .add(addend)
        .mul(scale)
        .add(offset)
        .intoArray(target, to);
  }

  private static void eight(
      float[] levels,
      int from,
      int signs,
      float factor,
      float addend,
      float scale,
      float offset,
      float[] target,
      int to) {
    FloatVector.fromArray(EIGHT, levels, from)
        .reinterpretAsInts()
        .lanewise(VectorOperators.XOR, IntVector.fromArray(EIGHT_INTS, SIGNS, signs))
        .reinterpretAsFloats()
        .mul(factor)
        .add(addend)
        .mul(scale)
        .add(offset)
        .intoArray(target, to);
  }
}
