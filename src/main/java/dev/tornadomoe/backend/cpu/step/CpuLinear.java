package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.rows.CpuMatrix;
import dev.tornadomoe.backend.cpu.kernel.rows.KernelNeeds;
import dev.tornadomoe.backend.cpu.kernel.rows.RowForm;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.plan.Precision;
import org.jspecify.annotations.Nullable;

/// One linear layer: a matrix with its kernel, the order in which it stores its columns, and a
/// bias.
public final class CpuLinear {
  private final CpuMatrix matrix;
  private final @Nullable CpuMatrix fast;
  private final RowForm form;
  private final int @Nullable [] columnOrder;
  private final float @Nullable [] bias;

  private CpuLinear(
      CpuMatrix matrix,
      @Nullable CpuMatrix fast,
      int @Nullable [] columnOrder,
      float @Nullable [] bias) {
    this.matrix = matrix;
    this.fast = fast;
    this.form = matrix.form();
    this.columnOrder = columnOrder;
    this.bias = bias;
  }

  /// A layer that computes with F32 activations.
  ///
  /// @param fast the same weights for rounded activations, or null where that would gain nothing
  public static CpuLinear of(
      CpuMatrix matrix,
      @Nullable CpuMatrix fast,
      int @Nullable [] columnOrder,
      @Nullable Bias bias) {
    return new CpuLinear(matrix, fast, columnOrder, bias == null ? null : bias.toFloats());
  }

  /// The same layer in a precision; itself where it has only one.
  public CpuLinear at(Precision precision) {
    return precision == Precision.EXACT || fast == null
        ? this
        : new CpuLinear(fast, null, columnOrder, bias);
  }

  public CpuMatrix matrix() {
    return matrix;
  }

  /// In what form it wants its activations.
  RowForm form() {
    return form;
  }

  /// What its kernel needs.
  KernelNeeds needs() {
    return new KernelNeeds(form, matrix.workSize());
  }

  int rows() {
    return matrix.rows();
  }

  int columns() {
    return matrix.columns();
  }

  /// For each stored column the activation it multiplies, or null for the same one.
  int @Nullable [] columnOrder() {
    return columnOrder;
  }

  /// A tile of results for the rows that were read.
  void apply(int rowFrom, int rowTo, Scratch scratch, float[] y, int yStride) {
    matrix.multiply(rowFrom, rowTo, scratch.staged(this), y, yStride, scratch.work);
    if (bias != null) {
      for (int token = 0; token < scratch.tokens(); token++) {
        for (int row = rowFrom; row < rowTo; row++) {
          y[token * yStride + row - rowFrom] += bias[row];
        }
      }
    }
  }
}
