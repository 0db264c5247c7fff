package dev.tornadomoe.backend.cpu.kernel.rows;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// A weight matrix with a kernel that multiplies rows of it by some tokens. What a weight format is
/// in memory, and what code decodes it, is one class; one that wants its activations as they are is
/// a [PlainMatrix].
public interface CpuMatrix {
  /// What tiles of rows begin on, and what strides of results are rounded up to: a multiple of
  /// whatever number of rows a kernel goes through at once.
  int ROW_BLOCK = 64;

  int rows();

  int columns();

  /// The memory that a multiplication reads.
  List<MemorySegment> memory();

  /// In what form it wants the activations.
  RowForm form();

  /// Elements of work space that a multiplication needs.
  int workSize();

  /// `y[t][r - rowFrom] = sum over c of W[r][c] * x[t][c]`, in F32, in an order that depends on
  /// nothing but the matrix.
  ///
  /// @param rowFrom first row, a multiple of ROW_BLOCK
  /// @param rowTo one after the last row
  /// @param x staged rows in [#form]
  /// @param y results; up to `yStride` elements of a row may be written
  /// @param yStride elements from one token's results to the next, a multiple of ROW_BLOCK
  /// @param work the calling thread's own work space
  void multiply(int rowFrom, int rowTo, StagedRows x, float[] y, int yStride, float[] work);
}
