package dev.tornadomoe.backend.cpu.kernel.choice;

import dev.tornadomoe.backend.cpu.kernel.int4.Int4Blocks;
import dev.tornadomoe.backend.cpu.kernel.rows.CpuMatrix;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedSize;
import dev.tornadomoe.backend.cpu.step.RowTile;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.Precision;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;

/// Matrices of each format, of sizes that fill no vector, and their products with rows.
final class KernelMatrices {
  private KernelMatrices() {}

  static Stream<Arguments> matrices() {
    Stream<WeightFormat> formats =
        Stream.of(
            WeightFormat.dense(DType.F32),
            WeightFormat.dense(DType.F16),
            WeightFormat.dense(DType.BF16),
            WeightFormat.int4(DType.BF16, 32, false, false),
            WeightFormat.int4(DType.F16, 32, true, false),
            WeightFormat.int4(DType.F32, 64, true, false),
            WeightFormat.int4(DType.F32, 32, false, false),
            WeightFormat.int4(DType.F16, 8, false, false),
            WeightFormat.int4(DType.BF16, 40, true, false),
            WeightFormat.int4(DType.BF16, 4096, false, false),
            WeightFormat.scaled(Coding.FP8, DType.F32, 128, 128),
            WeightFormat.scaled(Coding.FP8, DType.BF16, 1, 0),
            WeightFormat.scaled(Coding.FP8, DType.F16, 0, 0),
            WeightFormat.scaled(Coding.INT8, DType.BF16, 1, 0),
            new WeightFormat(Coding.INT8, DType.F32, 1, 32, true, false),
            WeightFormat.scaled(Coding.MXFP4, DType.F8_E8M0, 1, 32),
            WeightFormat.scaled(Coding.NVFP4, DType.F8_E4M3, 1, 16));
    return formats.flatMap(format ->
        Stream.of(
            Arguments.of(format, 1, 7),
            Arguments.of(format, 16, 32),
            Arguments.of(format, 37, 100),
            Arguments.of(format, 64, 96),
            Arguments.of(format, 113, 264),
            Arguments.of(format, 70, 384),
            // More groups than 4-bit kernels take in one go.
            Arguments.of(format, 20, 2080)));
  }

  static Stream<Arguments> int4Matrices() {
    return matrices().filter(arguments -> ((WeightFormat) arguments.get()[0]).isInt4());
  }

  static WeightMatrix matrix(WeightFormat format, int rows, int columns) {
    return RandomLayer.of(
            LayerSpec.odd().sized(columns, rows, 1, TopKGating.softmax(1, false)).with(format), 71)
        .experts()
        .local()
        .getFirst()
        .up()
        .load(Arena.global());
  }

  static CpuMatrix kernel(
      CpuKernels kernels, WeightMatrix matrix, Precision precision, Arena arena) {
    return switch (matrix) {
      case DenseMatrix dense -> kernels.dense(dense);
      case Int4Matrix int4 -> {
        Int4Blocks blocks = Int4Blocks.pack("w", int4, kernels.int4BlockRows(), arena);
        yield precision == Precision.FAST ? kernels.int4Fast(blocks) : kernels.int4(blocks);
      }
      default -> kernels.decoded(matrix);
    };
  }

  static float[] multiply(CpuKernels kernels, CpuMatrix matrix, float[] x, int tokens) {
    StagedRows staged = new StagedRows(StagedSize.of(matrix.form(), tokens), kernels);
    int columns = matrix.columns();
    staged.stage(
        matrix.form(),
        0,
        (token, target, at) -> System.arraycopy(x, token * columns, target, at, columns),
        tokens,
        null);
    int stride = RowTile.stride(matrix.rows());
    float[] y = new float[tokens * stride];
    matrix.multiply(0, matrix.rows(), staged, y, stride, new float[matrix.workSize()]);
    return y;
  }
}
