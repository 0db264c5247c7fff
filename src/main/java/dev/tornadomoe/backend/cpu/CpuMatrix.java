package dev.tornadomoe.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// A weight matrix with a kernel that multiplies rows of it by some tokens. What a weight format is
/// in memory, and what code decodes it, is one class.
interface CpuMatrix {
  /// What tiles of rows begin on, and what strides of results are rounded up to.
  int ROW_BLOCK = 16;

  int rows();

  int columns();

  /// The memory that a multiplication reads.
  List<MemorySegment> memory();

  /// Elements from one staged row of x to the next: the columns, rounded up to what the kernel
  /// reads. What is behind the columns must be zeros.
  int paddedColumns();

  /// Elements of work space that a multiplication needs.
  int workSize();

  /// `y[t][r - rowFrom] = sum over c of W[r][c] * x[t][c]`, in F32, in an order that depends on
  /// nothing but the matrix.
  ///
  /// @param rowFrom first row, a multiple of ROW_BLOCK
  /// @param rowTo one after the last row
  /// @param x staged rows
  /// @param tokens how many
  /// @param y results; up to `yStride` elements of a row may be written
  /// @param yStride elements from one token's results to the next, a multiple of ROW_BLOCK
  /// @param work the calling thread's own work space
  void multiply(
      int rowFrom, int rowTo, float[] x, int tokens, float[] y, int yStride, float[] work);
}
