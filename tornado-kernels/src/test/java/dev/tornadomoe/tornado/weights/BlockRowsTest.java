package dev.tornadomoe.tornado.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.Float4E2M1;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.block.BlockFormats;
import dev.tornadomoe.tornado.kernel.Flags;
import dev.tornadomoe.tornado.weights.MatrixPacking.Part;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// ggml's blocks in the kernels' layout, read back by a loop that follows the layout's description,
/// beside what the format's own decoder makes of them.
class BlockRowsTest {
  private static final int ROWS = 11;
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

  /// F16: zeros, the smallest and the largest number, 1 and -1.
  private static final short[] EXTREMES = {
    0, (short) 0x8000, 1, (short) 0x8001, 0x7BFF, (short) 0xFBFF, 0x3C00, (short) 0xBC00
  };

  @ParameterizedTest
  @CsvSource({
    "Q4_0, int4 g32",
    "Q4_1, int4 g32 zero-points",
    "Q5_0, int8 g32",
    "Q5_1, int8 g32 zero-points",
    "Q8_0, int8 g32",
    "Q2_K, int4 g16 zero-points",
    "Q3_K, int4 g16",
    "Q4_K, int4 g32 zero-points",
    "Q5_K, int8 g32 zero-points",
    "Q6_K, int8 g16",
    "IQ1_S, int4 g32 zero-points",
    "IQ1_M, int8 g16",
    "IQ2_XXS, int8 g32",
    "IQ2_XS, int8 g16",
    "IQ2_S, int8 g16",
    "IQ3_XXS, int8 g32",
    "IQ3_S, int4 g32 zero-points",
    "IQ4_NL, int8 g32",
    "IQ4_XS, int8 g32",
    "MXFP4, fp4 g32",
    "TQ1_0, int4 g32",
    "TQ2_0, int4 g32"
  })
  void staysInFourOrEightBits(String name, String kept) {
    BlockFormat format = BlockFormats.named(name).orElseThrow();
    Storage storage = Storage.of(List.of(weight(matrix(format, 512, new Random(1)))));
    assertThat(storage.text()).isEqualTo(kept);
    int bits = kept.startsWith("int8") ? 8 : 4;
    int perGroup = kept.endsWith("zero-points") ? 8 : 4;
    int rows = 16; // 11, in blocks of 8
    assertThat(storage.bytes(1, 0))
        .isEqualTo(rows * (512L * bits / 8 + 512L / storage.groupSize() * perGroup));
  }

  static Stream<String> formats() {
    return BlockFormats.all().stream().map(format -> format.coding().name());
  }

  @Test
  void thereIsNoFormatThatBecomesF32() {
    assertThat(BlockFormats.all()).allMatch(format -> BlockRows.kind(format.coding()) != null);
  }

  /// With F16 numbers of any size for scales, and with extremes.
  @ParameterizedTest
  @MethodSource("formats")
  void hasTheValuesOfTheHostsDecoder(String name) {
    BlockFormat format = BlockFormats.named(name).orElseThrow();
    int columns = 3 * format.coding().columns();
    for (int seed = 0; seed < 20; seed++) {
      Random random = new Random(seed);
      List<BlockMatrix> matrices =
          List.of(matrix(format, columns, random), matrix(format, columns, random));
      List<Part> parts = matrices.stream().map(matrix -> Part.whole(weight(matrix), null)).toList();
      Storage storage = Storage.of(parts.stream().map(Part::weight).toList());
      DeviceMatrix packed =
          MatrixPacking.pack(storage, parts, (weight, memory) -> {}, Arena.ofAuto());
      for (int number = 0; number < 2; number++) {
        assertAlike(packed, number, matrices.get(number), 0, 0);
      }
    }
  }

  /// As where a shared expert is kept as several: some rows and columns, cut within a block.
  @ParameterizedTest
  @MethodSource("formats")
  void partsAreCutBetweenGroups(String name) {
    BlockFormat format = BlockFormats.named(name).orElseThrow();
    BlockMatrix matrix = matrix(format, 3 * format.coding().columns(), new Random(21));
    Weight weight = weight(matrix);
    Storage whole = Storage.of(List.of(weight));
    int columns = 2 * whole.groupSize();
    Storage storage = new Storage(5, columns, whole.groupSize(), whole.flags());
    List<Part> parts = List.of(Part.whole(weight, null).from(4, whole.groupSize()));
    DeviceMatrix packed = MatrixPacking.pack(storage, parts, (w, memory) -> {}, Arena.ofAuto());
    assertAlike(packed, 0, matrix, 4, whole.groupSize());
  }

  private static void assertAlike(
      DeviceMatrix packed, int number, BlockMatrix matrix, int firstRow, int firstColumn) {
    BlockFormat format = matrix.block();
    int size = format.groupSize();
    float[] expected = new float[matrix.columns()];
    for (int row = 0; row < packed.rows(); row++) {
      matrix.decodeRow(firstRow + row, expected);
      for (int column = 0; column < packed.columns(); column++) {
        int from = firstColumn + column;
        int group = from / size;
        int perBlock = format.coding().columns() / size;
        long block =
            matrix.rowAt(firstRow + row) + (long) group / perBlock * format.coding().bytes();
        // Values are sums of two parts, which may cancel: what is rounded is the larger one.
        float scaled = format.scale(matrix.data(), block, group % perBlock) * 32;
        float offset = format.offset(matrix.data(), block, group % perBlock);
        double tolerance = format.hasOffsets() ? 2e-7 * (Math.abs(scaled) + Math.abs(offset)) : 0;
        assertThat((double) element(packed, number, row, column))
            .as("matrix %d, row %d, column %d", number, row, column)
            .isCloseTo(expected[from], within(tolerance));
      }
    }
  }

  private static float element(DeviceMatrix matrix, int number, int row, int column) {
    Storage storage = matrix.storage();
    int lanes = storage.lanes();
    int lane = row % lanes;
    int spanChunks = storage.columns() % 32 == 0 ? 4 : 1;
    int spans = storage.columns() / 8 / spanChunks;
    int span = column / 8 / spanChunks;
    boolean isByte = storage.is(Flags.INT8);
    int ofSpan = spanChunks * (isByte ? 2 : 1);
    boolean zeros = storage.is(Flags.ZERO_POINTS);
    int groups = storage.groups() * (zeros ? 2 : 1);
    int rows = Math.ceilDiv(storage.rows(), 8) * 8;
    int strip = (number * rows + row) / lanes;
    int group = column / storage.groupSize() * (zeros ? 2 : 1);
    int scaleAt = (strip * groups + group) * lanes + lane;
    float scale = matrix.scales().get(scaleAt);
    float zero = zeros ? matrix.scales().get(scaleAt + lanes) : 0;
    int perWord = isByte ? 4 : 8;
    int j = column % (spanChunks * 8) / perWord;
    int word = matrix.words().get(28 + ((strip * ofSpan + j) * spans + span) * lanes + lane);
    int shift = column % perWord;
    if (isByte) {
      return ((byte) (word >> (shift * 8)) + zero) * scale;
    }
    int nibble = word >> (4 * shift) & 15;
    if (storage.is(Flags.FP4)) {
      return Float4E2M1.toFloat(nibble) * 2 * scale;
    }
    // All but the last of a word are stored with 8 added.
    int code = shift < 7 ? nibble - 8 : nibble < 8 ? nibble : nibble - 16;
    return (code + zero) * scale;
  }

  private static Weight weight(BlockMatrix matrix) {
    return Weight.of("blocks", matrix);
  }

  /// Every second one of 23 rows of random blocks.
  private static BlockMatrix matrix(BlockFormat format, int columns, Random random) {
    int bytes = format.coding().bytes();
    long rowBytes = format.coding().rowBytes(columns);
    MemorySegment data = Arena.ofAuto().allocate(23 * rowBytes);
    for (long at = 0; at < data.byteSize(); at += bytes) {
      do {
        for (int i = 0; i < bytes; i++) {
          data.set(ValueLayout.JAVA_BYTE, at + i, (byte) random.nextInt(256));
        }
        if (random.nextBoolean()) {
          for (int field : halves(format)) {
            data.set(SHORT, at + field, EXTREMES[random.nextInt(EXTREMES.length)]);
          }
        }
      } while (!format.isSound(data, at));
    }
    return new BlockMatrix(format, new RowSelection(ROWS, 1, 2), columns, data);
  }

  /// Where a block has its d and, in formats with offsets, the other F16.
  private static int[] halves(BlockFormat format) {
    return switch (format.coding().name()) {
      case "Q2_K" -> new int[] {80, 82};
      case "Q3_K" -> new int[] {108};
      case "Q6_K" -> new int[] {208};
      case "TQ1_0" -> new int[] {52};
      case "TQ2_0" -> new int[] {64};
      case "MXFP4", "IQ1_M" -> new int[0];
      case "IQ1_S", "IQ3_S" -> new int[] {0};
      default -> format.hasOffsets() ? new int[] {0, 2} : new int[] {0};
    };
  }
}
