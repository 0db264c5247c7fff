package dev.tornadomoe.backend.cpu.kernel.choice;

import static dev.tornadomoe.backend.cpu.kernel.choice.KernelMatrices.kernel;
import static dev.tornadomoe.backend.cpu.kernel.choice.KernelMatrices.matrix;
import static dev.tornadomoe.backend.cpu.kernel.choice.KernelMatrices.multiply;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tornadomoe.backend.cpu.kernel.rows.CpuMatrix;
import dev.tornadomoe.backend.cpu.step.RowTile;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.plan.Precision;
import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.Fp8Matrix;
import dev.tornadomoe.tensor.GroupGrid;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import dev.tornadomoe.tensor.block.BlockFormats;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Scalar and Vector API kernels side by side, on sizes that fill no vector.
class KernelTwinsTest {
  private final CpuKernels scalar = new ScalarKernels();
  private CpuKernels vector;

  @BeforeEach
  void needsTheVectorApi() {
    String missing = KernelChoice.whyNotVector();
    assumeTrue(missing == null, missing);
    vector = new VectorKernels();
  }

  static Stream<Arguments> matrices() {
    return KernelMatrices.matrices();
  }

  static Stream<Arguments> int4Matrices() {
    return KernelMatrices.int4Matrices();
  }

  @ParameterizedTest
  @MethodSource("matrices")
  void multiplyAlike(WeightFormat format, int rows, int columns) {
    multiplyAlike(format, rows, columns, Precision.EXACT);
  }

  @ParameterizedTest
  @MethodSource("int4Matrices")
  void multiplyRoundedRowsAlike(WeightFormat format, int rows, int columns) {
    multiplyAlike(format, rows, columns, Precision.FAST);
  }

  private void multiplyAlike(WeightFormat format, int rows, int columns, Precision precision) {
    WeightMatrix matrix = matrix(format, rows, columns);
    int stride = RowTile.stride(rows);
    try (Arena arena = Arena.ofConfined()) {
      CpuMatrix a = kernel(scalar, matrix, precision, arena);
      CpuMatrix b = kernel(vector, matrix, precision, arena);
      assertThat(b.form()).isEqualTo(a.form());
      for (int tokens : new int[] {1, 2, 3, 4, 5, 9, 15}) {
        float[] x = Rows.random(tokens * columns, 72);
        float[] y = multiply(scalar, a, x, tokens);
        float[] z = multiply(vector, b, x, tokens);
        for (int t = 0; t < tokens; t++) {
          for (int r = 0; r < rows; r++) {
            float expected = y[t * stride + r];
            float found = z[t * stride + r];
            if (format.isInt4()) {
              assertThat(found)
                  .isEqualTo(expected); // the same order of additions, whatever the width
            } else {
              assertThat(found).isCloseTo(expected, offset(2e-7f * (float) Math.sqrt(columns)));
            }
          }
        }
      }
    }
  }

  /// Few tokens go through other code than many.
  @ParameterizedTest
  @MethodSource("matrices")
  void aTokensResultsAreTheSameToTheBitHoweverManyThereAre(
      WeightFormat format, int rows, int columns) {
    try (Arena arena = Arena.ofConfined()) {
      assertAloneAsAmongOthers(
          kernel(vector, matrix(format, rows, columns), Precision.EXACT, arena));
    }
  }

  @Test
  void theSameOfQ80() {
    BlockFormat format =
        BlockFormats.all().stream()
            .filter(block -> block.coding().name().equals("Q8_0"))
            .findFirst()
            .orElseThrow();
    byte[] blocks = new byte[21 * 3 * format.coding().bytes()];
    new Random(80).nextBytes(blocks);
    MemorySegment data = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_BYTE, blocks);
    for (long at = 0; at < blocks.length; at += format.coding().bytes()) {
      data.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, Float.floatToFloat16(0.01f + at * 1e-6f));
    }
    assertAloneAsAmongOthers(
        vector.decoded(new BlockMatrix(format, new RowSelection(10, 1, 2), 96, data)));
  }

  private void assertAloneAsAmongOthers(CpuMatrix matrix) {
    int columns = matrix.columns();
    int stride = RowTile.stride(matrix.rows());
    float[] x = Rows.random(15 * columns, 78);
    float[] all = multiply(vector, matrix, x, 15);
    for (int tokens : new int[] {1, 2, 3, 4, 7}) {
      float[] few = multiply(vector, matrix, x, tokens);
      for (int t = 0; t < tokens; t++) {
        assertThat(Arrays.copyOfRange(few, t * stride, t * stride + matrix.rows()))
            .isEqualTo(Arrays.copyOfRange(all, t * stride, t * stride + matrix.rows()));
      }
    }
  }

  /// A NaN among the weights, and scales that overflow with what the decoding multiplies by.
  @Test
  void extremesOfFp8AreTheSameHoweverManyTokensThereAre() {
    int rows = 12;
    int columns = 256;
    MemorySegment elements = Arena.ofAuto().allocate((long) rows * columns);
    for (long at = 0; at < elements.byteSize(); at++) {
      elements.set(ValueLayout.JAVA_BYTE, at, (byte) (at % 127 | at << 7));
    }
    elements.set(ValueLayout.JAVA_BYTE, 300, (byte) 0x7F);
    elements.set(ValueLayout.JAVA_BYTE, 900, (byte) 0xFF);
    float[] scales = new float[rows];
    Arrays.fill(scales, 0.01f);
    scales[5] = 0x1p9f;
    scales[6] = Float.POSITIVE_INFINITY;
    scales[7] = Float.NaN;
    scales[8] = Float.MIN_VALUE;
    RowSelection all = RowSelection.all(rows);
    CpuMatrix matrix =
        vector.decoded(
            new Fp8Matrix(
                new TensorView("w", DType.F8_E4M3, Shape.of(rows, columns), elements),
                all,
                GroupGrid.rowMajor(
                    new TensorView(
                        "s",
                        DType.F32,
                        Shape.of(rows),
                        Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, scales)),
                    all,
                    1,
                    0,
                    1)));
    float[] x = Rows.random(4 * columns, 79);
    int stride = RowTile.stride(rows);
    float[] many = Arrays.copyOf(multiply(vector, matrix, x, 4), stride);
    float[] one = Arrays.copyOf(multiply(vector, matrix, x, 1), stride);
    assertThat(one).isEqualTo(many);
    assertThat(one[1]).isNaN();
    assertThat(one[3]).isNaN();
    assertThat(one[5]).isFinite();
  }

  /// Such a scale makes no number of its row, and changes no other.
  @ParameterizedTest
  @EnumSource(Precision.class)
  void scalesOf4BitWeightsThatAreNoNumbersAreNone(Precision precision) {
    int rows = 9;
    int columns = 96;
    MemorySegment words =
        MemorySegment.ofArray(new Random(81).ints((long) rows * columns / 8).toArray());
    short[] scales = new short[rows * 3];
    Arrays.fill(scales, Float.floatToFloat16(0.01f));
    scales[4] = Float.floatToFloat16(Float.POSITIVE_INFINITY);
    scales[7] = Float.floatToFloat16(Float.NaN);
    scales[12] = Float.floatToFloat16(0x1p-24f);
    TensorView view =
        new TensorView("s", DType.F16, Shape.of(rows, 3), MemorySegment.ofArray(scales));
    Int4Matrix matrix = new Int4Matrix(rows, columns, 32, words, view, null, null);
    try (Arena arena = Arena.ofConfined()) {
      for (int tokens : new int[] {1, 2, 5}) {
        float[] x = Rows.random(tokens * columns, 82);
        float[] y = multiply(scalar, kernel(scalar, matrix, precision, arena), x, tokens);
        float[] z = multiply(vector, kernel(vector, matrix, precision, arena), x, tokens);
        int stride = RowTile.stride(rows);
        for (int t = 0; t < tokens; t++) {
          for (int r = 0; r < rows; r++) {
            float found = z[t * stride + r];
            assertThat(Float.floatToIntBits(found))
                .isEqualTo(Float.floatToIntBits(y[t * stride + r]));
            assertThat(Float.isFinite(found)).isEqualTo(r != 1 && r != 2);
          }
        }
      }
    }
  }

  @Test
  void roundAlike() {
    float[] row = Rows.random(45, 77);
    row[9] = Float.NaN;
    row[10] = Float.NEGATIVE_INFINITY;
    for (int count : new int[] {4, 8, 16, 32, 44}) {
      int[] a = new int[50];
      int[] b = new int[50];
      for (float inverse : new float[] {0f, 0.7f, 1500f}) {
        assertThat(vector.round(row, 1, count, inverse, b, 3))
            .isEqualTo(scalar.round(row, 1, count, inverse, a, 3));
        assertThat(b).isEqualTo(a);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Activation.Function.class)
  void activateAlike(Activation.Function function) {
    Activation activation = new Activation(function, 2f, 1.702f);
    float[] gate = Rows.random(101, 73);
    float[] up = Rows.random(101, 74);
    gate[3] = Float.NaN;
    gate[4] = Float.POSITIVE_INFINITY;
    gate[5] = -200f;
    gate[6] = 200f;
    gate[7] = -0f;
    for (float[] g : new float[][] {gate, null}) {
      float[] a = up.clone();
      float[] b = up.clone();
      scalar.activate(activation, g == null ? null : g.clone(), a, 101);
      vector.activate(activation, g == null ? null : g.clone(), b, 101);
      assertThat(Rows.bits(b)).isEqualTo(Rows.bits(a));
    }
  }

  @Test
  void addAlike() {
    float[] values = Rows.random(77, 75);
    float[] a = Rows.random(77, 76);
    float[] b = a.clone();
    scalar.addScaled(0.3f, values, 5, a, 70);
    vector.addScaled(0.3f, values, 5, b, 70);
    assertThat(Rows.bits(b)).isEqualTo(Rows.bits(a));
  }

  @Test
  void readEveryF16Alike() {
    short[] all = new short[1 << 16];
    for (int i = 0; i < all.length; i++) {
      all[i] = (short) i;
    }
    MemorySegment segment = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_SHORT, all);
    int columns = 64;
    int rows = all.length / columns;
    TensorView tensor = new TensorView("all", DType.F16, Shape.of(rows, columns), segment);
    CpuMatrix matrix = vector.dense(new DenseMatrix(tensor));
    for (int c = 0; c < columns; c++) {
      float[] one = new float[columns];
      one[c] = 1;
      float[] y = multiply(vector, matrix, one, 1);
      for (int r = 0; r < rows; r++) {
        float expected = tensor.getFloat((long) r * columns + c);
        if (Float.isFinite(expected) && isFiniteRow(tensor, r, columns)) {
          assertThat(y[r]).isEqualTo(expected);
        } else {
          assertThat(Float.isFinite(y[r])).isFalse();
        }
      }
    }
  }

  private static boolean isFiniteRow(TensorView tensor, int row, int columns) {
    for (int c = 0; c < columns; c++) {
      if (!Float.isFinite(tensor.getFloat((long) row * columns + c))) {
        return false;
      }
    }
    return true;
  }
}
