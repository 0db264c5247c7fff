package dev.tornadomoe.backend.cpu.kernel.choice;

import dev.tornadomoe.backend.cpu.kernel.ScalarMath;
import dev.tornadomoe.backend.cpu.kernel.decode.ScalarDecoded;
import dev.tornadomoe.backend.cpu.kernel.decode.ScalarDense;
import dev.tornadomoe.backend.cpu.kernel.int4.Int4Blocks;
import dev.tornadomoe.backend.cpu.kernel.int4.ScalarInt4;
import dev.tornadomoe.backend.cpu.kernel.int4.ScalarInt4Fast;
import dev.tornadomoe.backend.cpu.kernel.rows.CpuMatrix;
import dev.tornadomoe.backend.cpu.kernel.rows.KernelNeeds;
import dev.tornadomoe.backend.cpu.kernel.rows.RowForm;
import dev.tornadomoe.backend.cpu.kernel.rows.ScalarRounding;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.plan.Precision;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// The twin that runs on any JVM.
public final class ScalarKernels implements CpuKernels {

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public KernelNeeds needs(WeightFormat format, int columns, Precision precision) {
    if (format.isInt4()) {
      return new KernelNeeds(RowForm.int4(columns, format.groupSize(), precision), 0);
    }
    return new KernelNeeds(new RowForm.Plain(columns, columns), format.isDense() ? 0 : columns);
  }

  @Override
  public CpuMatrix dense(DenseMatrix matrix) {
    return new ScalarDense(matrix);
  }

  @Override
  public int int4BlockRows() {
    return CpuMatrix.ROW_BLOCK;
  }

  @Override
  public CpuMatrix int4(Int4Blocks blocks) {
    return new ScalarInt4(blocks);
  }

  @Override
  public CpuMatrix decoded(WeightMatrix matrix) {
    return new ScalarDecoded(matrix);
  }

  @Override
  public CpuMatrix int4Fast(Int4Blocks blocks) {
    return new ScalarInt4Fast(blocks);
  }

  @Override
  public void activate(Activation activation, float @Nullable [] gate, float[] up, int count) {
    for (int i = 0; i < count; i++) {
      up[i] =
          gate == null
              ? ScalarMath.activate(activation, up[i])
              : ScalarMath.activate(activation, gate[i]) * ScalarMath.gated(activation, up[i]);
    }
  }

  @Override
  public void addScaled(float factor, float[] values, int at, float[] sum, int count) {
    for (int i = 0; i < count; i++) {
      sum[i] = Math.fma(factor, values[at + i], sum[i]);
    }
  }

  @Override
  public int round(float[] row, int from, int count, float inverse, int[] factors, int to) {
    return ScalarRounding.round(row, from, count, inverse, factors, to);
  }

  @Override
  public long read(MemorySegment segment, long from, long to) {
    long a = 0;
    long b = 0;
    long at = from;
    for (; at + 16 <= to; at += 16) {
      a ^= segment.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
      b ^= segment.get(ValueLayout.JAVA_LONG_UNALIGNED, at + 8);
    }
    for (; at < to; at++) {
      a ^= segment.get(ValueLayout.JAVA_BYTE, at);
    }
    return a ^ b;
  }
}
