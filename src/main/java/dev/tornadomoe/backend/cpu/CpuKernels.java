package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The seam between what the CPU backend does and the instructions it does it with. Two twins stand
/// behind it: [ScalarKernels], which runs everywhere, and [VectorKernels], which needs the Vector
/// API.
interface CpuKernels {

  /// For messages: `scalar`, `Vector API 512 bits`.
  String name();

  /// A kernel over an unquantised matrix, on its own memory.
  CpuMatrix dense(DenseMatrix matrix);

  /// A kernel over a repacked 4-bit matrix.
  CpuMatrix int4(Int4Blocks blocks);

  /// A kernel over a matrix of any format, on its own memory.
  CpuMatrix decoded(WeightMatrix matrix);

  /// `up[i] = activation(gate[i]) * up[i]`, or `activation(up[i])` without gate. What is in `gate`
  /// afterwards is undefined.
  void activate(Activation activation, float @Nullable [] gate, float[] up, int count);

  /// `sum[i] = fma(factor, values[i], sum[i])`.
  void addScaled(float factor, float[] values, int at, float[] sum, int count);

  /// Reads memory as fast as it can be read.
  ///
  /// @return something that depends on every byte, so that the reading can't be left out
  long read(MemorySegment segment, long from, long to);
}
