package dev.tornadomoe.backend.cpu.kernel.choice;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;
import static dev.tornadomoe.backend.cpu.kernel.Species.ORDER;

import dev.tornadomoe.backend.cpu.kernel.Species;
import dev.tornadomoe.backend.cpu.kernel.VectorActivation;
import dev.tornadomoe.backend.cpu.kernel.decode.VectorDecoded;
import dev.tornadomoe.backend.cpu.kernel.decode.VectorRows;
import dev.tornadomoe.backend.cpu.kernel.int4.Int4Blocks;
import dev.tornadomoe.backend.cpu.kernel.int4.Int4Variant;
import dev.tornadomoe.backend.cpu.kernel.int4.VectorInt4Strips;
import dev.tornadomoe.backend.cpu.kernel.rows.CpuMatrix;
import dev.tornadomoe.backend.cpu.kernel.rows.KernelNeeds;
import dev.tornadomoe.backend.cpu.kernel.rows.RowForm;
import dev.tornadomoe.backend.cpu.kernel.rows.VectorRounding;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.plan.Precision;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;

/// The twin on the Vector API. Load it only where the module is there.
public final class VectorKernels implements CpuKernels {
  private final ScalarKernels rest = new ScalarKernels();

  @Override
  public String name() {
    return String.format(Locale.ROOT, "Vector API, %d bits", FLOAT.vectorBitSize());
  }

  @Override
  public KernelNeeds needs(WeightFormat format, int columns, Precision precision) {
    if (!format.isInt4()) {
      return new KernelNeeds(
          new RowForm.Plain(columns, columns), new VectorRows(columns).workSize());
    }
    RowForm form = RowForm.int4(columns, format.groupSize(), precision);
    return new KernelNeeds(form, VectorInt4Strips.workSize(form));
  }

  @Override
  public CpuMatrix dense(DenseMatrix matrix) {
    return VectorDecoded.dense(matrix);
  }

  @Override
  public int int4BlockRows() {
    return Species.INT4_BLOCK_ROWS;
  }

  @Override
  public CpuMatrix int4(Int4Blocks blocks) {
    return Int4Variant.exact(blocks);
  }

  @Override
  public CpuMatrix int4Fast(Int4Blocks blocks) {
    return Int4Variant.fast(blocks);
  }

  @Override
  public CpuMatrix decoded(WeightMatrix matrix) {
    return VectorDecoded.of(matrix);
  }

  @Override
  public void activate(Activation activation, float @Nullable [] gate, float[] up, int count) {
    VectorActivation.apply(activation, gate, up, count);
  }

  @Override
  public void addScaled(float factor, float[] values, int at, float[] sum, int count) {
    int vectors = FLOAT.loopBound(count);
    FloatVector scale = FloatVector.broadcast(FLOAT, factor);
    for (int i = 0; i < vectors; i += LANES) {
      scale
          .fma(FloatVector.fromArray(FLOAT, values, at + i), FloatVector.fromArray(FLOAT, sum, i))
          .intoArray(sum, i);
    }
    for (int i = vectors; i < count; i++) {
      sum[i] = Math.fma(factor, values[at + i], sum[i]);
    }
  }

  @Override
  public int round(float[] row, int from, int count, float inverse, int[] factors, int to) {
    return VectorRounding.round(row, from, count, inverse, factors, to);
  }

  @Override
  public long read(MemorySegment segment, long from, long to) {
    int bytes = INT.vectorByteSize();
    IntVector a = IntVector.zero(INT);
    IntVector b = a;
    IntVector c = a;
    IntVector d = a;
    long at = from;
    for (; at + 4L * bytes <= to; at += 4L * bytes) {
      a = a.or(IntVector.fromMemorySegment(INT, segment, at, ORDER));
      b = b.or(IntVector.fromMemorySegment(INT, segment, at + bytes, ORDER));
      c = c.or(IntVector.fromMemorySegment(INT, segment, at + 2L * bytes, ORDER));
      d = d.or(IntVector.fromMemorySegment(INT, segment, at + 3L * bytes, ORDER));
    }
    return a.or(b).or(c.or(d)).reduceLanes(VectorOperators.OR) ^ rest.read(segment, at, to);
  }
}
