package dev.tornadomoe.backend.cpu.kernel.decode;

import dev.tornadomoe.backend.cpu.kernel.KernelCopies;
import dev.tornadomoe.backend.cpu.kernel.rows.PlainMatrix;
import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.Fp8Matrix;
import dev.tornadomoe.tensor.Int8Matrix;
import dev.tornadomoe.tensor.Mxfp4Matrix;
import dev.tornadomoe.tensor.Nvfp4Matrix;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.util.List;

/// Weights of any format: four rows are decoded to F32 in cache and serve all tokens
/// ([VectorRows]), so a layer is never in F32 as a whole. One token: in registers, where the
/// format's decoder can.
public final class VectorDecoded implements PlainMatrix {
  private final WeightMatrix matrix;
  private final RowDecoder decoder;
  private final VectorRows decoded;

  private VectorDecoded(WeightMatrix matrix, RowDecoder decoder) {
    this.matrix = matrix;
    this.decoder = decoder;
    this.decoded = new VectorRows(matrix.columns());
  }

  /// A kernel over a matrix of any format.
  public static VectorDecoded of(WeightMatrix matrix) {
    return new VectorDecoded(matrix, decoder(matrix));
  }

  /// A kernel over an unquantised matrix.
  public static VectorDecoded dense(DenseMatrix matrix) {
    return new VectorDecoded(
        matrix,
        KernelCopies.create(
            MethodHandles.lookup(),
            RowDecoder.class,
            VectorDense.class,
            matrix.values().dtype(),
            matrix));
  }

  /// A vector decoder where there is one and the matrix lies in native memory: loads that have met
  /// Java arrays too are slow ones for all.
  static RowDecoder decoder(WeightMatrix matrix) {
    if (!matrix.memory().stream().allMatch(MemorySegment::isNative)) {
      return matrix::decodeRow;
    }
    RowDecoder decoder =
        switch (matrix) {
          case Fp8Matrix fp8 -> new VectorFp8(fp8);
          case Int8Matrix int8 -> int8.isActOrder() ? null : new VectorInt8(int8);
          case Mxfp4Matrix mxfp4 -> new VectorFp4(mxfp4);
          case Nvfp4Matrix nvfp4 -> new VectorFp4(nvfp4);
          case BlockMatrix blocks -> VectorBlocks.of(blocks);
          default -> null;
        };
    return decoder == null ? matrix::decodeRow : decoder;
  }

  @Override
  public int rows() {
    return matrix.rows();
  }

  @Override
  public int columns() {
    return matrix.columns();
  }

  @Override
  public List<MemorySegment> memory() {
    return matrix.memory();
  }

  @Override
  public int paddedColumns() {
    return matrix.columns();
  }

  @Override
  public int workSize() {
    return decoded.workSize();
  }

  @Override
  public void multiply(
      int rowFrom, int rowTo, float[] x, int tokens, float[] y, int yStride, float[] work) {
    for (int row = rowFrom; row < rowTo; row += VectorRows.ROWS) {
      int count = Math.min(VectorRows.ROWS, rowTo - row);
      if (tokens == 1 && decoder.multiply(row, count, x, work, decoded.sums())) {
        decoded.store(work, count, 1, x, 0, y, row - rowFrom, yStride);
        continue;
      }
      for (int r = 0; r < count; r++) {
        decoder.decode(row + r, work, r * columns());
      }
      decoded.multiply(work, count, x, tokens, y, row - rowFrom, yStride);
    }
  }
}
