package dev.tornadomoe.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Int4MatrixTest {
  /// Twelve columns take two words a row, the second half empty; groups of five leave two over.
  private static final int[] WORDS = {0x76543210, 0x0000BA98, 0x89ABCDEF, 0xFFFF0123};

  private static final TensorView SCALES =
      HeapTensors.bf16("w.scale", Shape.of(2, 3), 1, 2, 0.5f, -1, 4, 0.25f);

  @Test
  void decodesNibblesLowestColumnFirst() {
    Int4Matrix matrix = matrix(null, null);
    // Row 0 holds 0 to 11, less 8: groups of 5, 5 and 2 columns, scales 1, 2 and 0.5.
    assertThat(row(matrix, 0)).containsExactly(-8, -7, -6, -5, -4, -6, -4, -2, 0, 2, 1, 1.5f);
    // Row 1 holds 15 down to 8, then 3, 2, 1, 0; scales -1, 4 and 0.25.
    assertThat(row(matrix, 1)).containsExactly(-7, -6, -5, -4, -3, 8, 4, 0, -20, -24, -1.75f, -2);
  }

  @Test
  void subtractsTheZeroPointOfTheGroup() {
    Int4Matrix matrix = matrix(new byte[] {0, 15, 3, 8, 1, 16}, null);
    assertThat(row(matrix, 0)).containsExactly(0, 1, 2, 3, 4, -20, -18, -16, -14, -12, 3.5f, 4);
    assertThat(row(matrix, 1)).containsExactly(-7, -6, -5, -4, -3, 36, 32, 28, 8, 4, -3.75f, -4);
  }

  @Test
  void zeroPointsAreUnsignedBytes() {
    Int4Matrix matrix = matrix(new byte[] {0, 0, (byte) 200, 0, 0, 0}, null);
    assertThat(matrix.zero(0, 2)).isEqualTo(200);
    assertThat(row(matrix, 0)[11]).isEqualTo((11 - 200) * 0.5f);
  }

  @Test
  void putsStoredColumnsWhereTheirActivationsAre() {
    int[] order = {11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    Int4Matrix matrix = matrix(null, order);
    assertThat(row(matrix, 0)).containsExactly(-7, -6, -5, -4, -6, -4, -2, 0, 2, 1, 1.5f, -8);
  }

  @Test
  void copiesWholeRows() {
    Int4Matrix matrix = matrix(new byte[] {0, 15, 3, 8, 1, (byte) 200}, null);
    int[] words = new int[4];
    matrix.words(0, 2, words);
    assertThat(words).isEqualTo(WORDS);
    int[] second = new int[3];
    matrix.scaleBits(1, 1, second);
    assertThat(second).containsExactly(0xBF80, 0x4080, 0x3E80);
    matrix.zeros(1, 1, second);
    assertThat(second).containsExactly(8, 1, 200);
    matrix(null, null).zeros(0, 1, second);
    assertThat(second).containsExactly(8, 8, 8);
  }

  @Test
  void tellsItsParts() {
    Int4Matrix matrix = matrix(null, null);
    assertThat(matrix.rows()).isEqualTo(2);
    assertThat(matrix.columns()).isEqualTo(12);
    assertThat(matrix.groupSize()).isEqualTo(5);
    assertThat(matrix.groups()).isEqualTo(3);
    assertThat(matrix.wordsPerRow()).isEqualTo(2);
    assertThat(matrix.word(1, 0)).isEqualTo(0x89ABCDEF);
    assertThat(matrix.scale(1, 2)).isEqualTo(0.25f);
    assertThat(matrix.scaleBits(1, 0)).isEqualTo(0xBF80);
    assertThat(matrix.zero(1, 1)).isEqualTo(8);
    assertThat(matrix.columnOrder()).isNull();
    assertThat(matrix.format()).isEqualTo(WeightFormat.int4(DType.BF16, 5, false, false));
  }

  @Test
  void handsOutACopyOfTheColumnOrder() {
    int[] order = {11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    Int4Matrix matrix = matrix(new byte[6], order);
    int[] copy = matrix.columnOrder();
    assertThat(copy).isEqualTo(order).isNotSameAs(order);
    assertThat(matrix.format()).isEqualTo(WeightFormat.int4(DType.BF16, 5, true, true));
  }

  @Test
  void readsUnalignedWordsAndScales() {
    TensorView words = HeapTensors.misaligned(HeapTensors.i32("w", Shape.of(4), WORDS));
    Int4Matrix matrix =
        new Int4Matrix(2, 12, 5, words.data(), HeapTensors.misaligned(SCALES), null, null);
    assertThat(row(matrix, 1)).isEqualTo(row(matrix(null, null), 1));
  }

  @Test
  void refusesPartsThatDoNotFit() {
    MemorySegment words = HeapTensors.i32("w", Shape.of(4), WORDS).data();
    assertRefused(() -> new Int4Matrix(2, 12, 0, words, SCALES, null, null), "group size 0");
    assertRefused(
        () -> new Int4Matrix(2, 12, 5, words.asSlice(4), SCALES, null, null), "words", "12", "16");
    assertRefused(
        () -> new Int4Matrix(2, 12, 4, words, SCALES.rows(0, 1), null, null),
        "scales",
        "[1, 3]",
        "[2, 3]");
    assertRefused(
        () -> new Int4Matrix(2, 12, 5, words, SCALES, MemorySegment.ofArray(new byte[5]), null),
        "zero points",
        "5",
        "6");
    assertRefused(
        () -> new Int4Matrix(2, 12, 5, words, SCALES, null, new int[11]),
        "column order",
        "11",
        "12");
    TensorView codes = HeapTensors.of("s", DType.F8_E4M3, Shape.of(2, 3), new byte[6]);
    assertRefused(
        () -> new Int4Matrix(2, 12, 5, words, codes, null, null), "scales", "F8_E4M3", "BF16");
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 12, Integer.MAX_VALUE})
  void refusesColumnsThatAreNotThere(int column) {
    int[] order = {11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, column};
    assertRefused(() -> matrix(null, order), "column order has " + column + " at 11", "0 to 11");
  }

  private static void assertRefused(Runnable construction, String... parts) {
    assertThatThrownBy(construction::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll(parts);
  }

  private static Int4Matrix matrix(byte @Nullable [] zeros, int @Nullable [] order) {
    return new Int4Matrix(
        2,
        12,
        5,
        HeapTensors.i32("w", Shape.of(4), WORDS).data(),
        SCALES,
        zeros == null ? null : MemorySegment.ofArray(zeros),
        order);
  }

  private static float[] row(Int4Matrix matrix, int row) {
    float[] values = new float[matrix.columns()];
    matrix.decodeRow(row, values);
    return values;
  }
}
