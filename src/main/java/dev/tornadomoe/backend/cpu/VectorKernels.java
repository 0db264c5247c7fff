package dev.tornadomoe.backend.cpu;

import static dev.tornadomoe.backend.cpu.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.Species.INT;
import static dev.tornadomoe.backend.cpu.Species.LANES;
import static dev.tornadomoe.backend.cpu.Species.ORDER;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.Fp8Matrix;
import dev.tornadomoe.tensor.Int8Matrix;
import dev.tornadomoe.tensor.Mxfp4Matrix;
import dev.tornadomoe.tensor.Nvfp4Matrix;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;

/// The twin on the Vector API. Load it only where the module is there.
final class VectorKernels implements CpuKernels {
  private final ScalarKernels rest = new ScalarKernels();

  @Override
  public String name() {
    return String.format(Locale.ROOT, "Vector API, %d bits", FLOAT.vectorBitSize());
  }

  @Override
  public CpuMatrix dense(DenseMatrix matrix) {
    return new VectorDecoded(
        matrix,
        KernelCopies.create(RowDecoder.class, VectorDense.class, matrix.values().dtype(), matrix));
  }

  @Override
  public int int4BlockRows() {
    return Species.INT4_BLOCK_ROWS;
  }

  @Override
  public CpuMatrix int4(Int4Blocks blocks) {
    return KernelCopies.create(CpuMatrix.class, VectorInt4.class, Int4Variant.of(blocks), blocks);
  }

  @Override
  public CpuMatrix int4Fast(Int4Blocks blocks) {
    return KernelCopies.create(
        CpuMatrix.class, VectorInt4Fast.class, Int4Variant.of(blocks), blocks);
  }

  @Override
  public CpuMatrix decoded(WeightMatrix matrix) {
    return new VectorDecoded(matrix, decoder(matrix));
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
