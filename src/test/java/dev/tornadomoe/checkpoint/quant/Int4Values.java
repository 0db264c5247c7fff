package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.Random;

/// The contents of a 4-bit weight matrix before anybody packed it. Scales have eight significant
/// bits, so every product is exact in F32.
///
/// @param q 0 to 15, `[rows][columns]`
/// @param zero 0 to 15, `[rows][groups]`
/// @param scale `[rows][groups]`
/// @param groupOf `[columns]`
public record Int4Values(int[][] q, int[][] zero, float[][] scale, int[] groupOf) {
  /// Random values with all zero points 8.
  public static Int4Values symmetric(long seed, int rows, int columns, int groupSize) {
    return of(seed, rows, columns, groupSize, false);
  }

  /// Random values and zero points.
  public static Int4Values asymmetric(long seed, int rows, int columns, int groupSize) {
    return of(seed, rows, columns, groupSize, true);
  }

  private static Int4Values of(
      long seed, int rows, int columns, int groupSize, boolean asymmetric) {
    Random random = new Random(seed);
    int groups = (columns + groupSize - 1) / groupSize;
    int[][] q = new int[rows][columns];
    int[][] zero = new int[rows][groups];
    float[][] scale = new float[rows][groups];
    int[] groupOf = new int[columns];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        q[row][column] = random.nextInt(16);
        groupOf[column] = column / groupSize;
      }
      for (int group = 0; group < groups; group++) {
        zero[row][group] = asymmetric ? random.nextInt(16) : 8;
        scale[row][group] = (1 + random.nextInt(255)) / 1024f * (random.nextInt(8) == 0 ? -1 : 1);
      }
    }
    return new Int4Values(q, zero, scale, groupOf);
  }

  /// The same with the columns' groups in random order, as act-order leaves them.
  public Int4Values shuffled(long seed) {
    Random random = new Random(seed);
    int[] shuffled = groupOf.clone();
    for (int i = shuffled.length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int kept = shuffled[i];
      shuffled[i] = shuffled[j];
      shuffled[j] = kept;
    }
    return new Int4Values(q, zero, scale, shuffled);
  }

  public int rows() {
    return q.length;
  }

  public int columns() {
    return groupOf.length;
  }

  public int groups() {
    return scale[0].length;
  }

  /// `(q - zero) * scale`, the definition that all formats share.
  public float value(int row, int column) {
    int group = groupOf[column];
    return (q[row][column] - zero[row][group]) * scale[row][group];
  }

  /// Loads a weight and compares every element.
  public void assertDecodedBy(Weight weight) {
    assertThat(weight.rows()).isEqualTo(rows());
    assertThat(weight.columns()).isEqualTo(columns());
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix matrix = weight.load(arena);
      float[] found = new float[columns()];
      float[] expected = new float[columns()];
      for (int row = 0; row < rows(); row++) {
        for (int column = 0; column < columns(); column++) {
          expected[column] = value(row, column);
        }
        matrix.decodeRow(row, found);
        assertThat(found).as("%s row %d", weight.name(), row).containsExactly(expected);
      }
    }
  }
}
