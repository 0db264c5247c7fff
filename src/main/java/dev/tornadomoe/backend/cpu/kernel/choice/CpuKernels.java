package dev.tornadomoe.backend.cpu.kernel.choice;

import dev.tornadomoe.backend.cpu.kernel.int4.Int4Blocks;
import dev.tornadomoe.backend.cpu.kernel.rows.CpuMatrix;
import dev.tornadomoe.backend.cpu.kernel.rows.KernelNeeds;
import dev.tornadomoe.backend.cpu.kernel.rows.Rounding;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.plan.Precision;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The seam between what the CPU backend does and the instructions it does it with. Two twins stand
/// behind it: [ScalarKernels], which runs everywhere, and [VectorKernels], which needs the Vector
/// API.
public interface CpuKernels extends Rounding {

  /// For messages: `scalar`, `Vector API 512 bits`.
  String name();

  /// What a kernel over a matrix will need, from its description alone.
  ///
  /// @param precision that of the plan
  KernelNeeds needs(WeightFormat format, int columns, Precision precision);

  /// A kernel over an unquantised matrix, on its own memory.
  CpuMatrix dense(DenseMatrix matrix);

  /// Rows of a block in [Int4Blocks] for these kernels; divides [CpuMatrix#ROW_BLOCK].
  int int4BlockRows();

  /// A kernel over a repacked 4-bit matrix, for F32 activations.
  CpuMatrix int4(Int4Blocks blocks);

  /// A kernel over a repacked 4-bit matrix, for activations rounded to whole numbers.
  CpuMatrix int4Fast(Int4Blocks blocks);

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
