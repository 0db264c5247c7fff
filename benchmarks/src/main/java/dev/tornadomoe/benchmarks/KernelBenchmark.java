package dev.tornadomoe.benchmarks;

import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.kernel.choice.ScalarKernels;
import dev.tornadomoe.backend.cpu.kernel.choice.VectorKernels;
import dev.tornadomoe.backend.cpu.kernel.int4.Int4Blocks;
import dev.tornadomoe.backend.cpu.kernel.rows.CpuMatrix;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedSize;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.GroupGrid;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.Int8Matrix;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// The twins behind the CPU backend's seam, multiplying one expert's gate matrix by some tokens on
/// one thread. See KernelBenchmark.md.
@State(Scope.Benchmark)
@BenchmarkMode({Mode.AverageTime})
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class KernelBenchmark {
  private static final int ROWS = 768;
  private static final int COLUMNS = 2048;

  @Param({"vector", "scalar"})
  public String kernels;

  @Param({"int4", "int4-fast", "bf16", "f16", "f32", "int8"})
  public String format;

  @Param({"1", "2", "4", "16"})
  public int tokens;

  private Arena arena;
  private CpuMatrix matrix;
  private StagedRows x;
  private float[] y;
  private float[] work;

  @Setup(Level.Trial)
  public void prepare() {
    arena = Arena.ofShared();
    CpuKernels chosen = kernels.equals("vector") ? new VectorKernels() : new ScalarKernels();
    SplittableRandom random = new SplittableRandom(11);
    matrix =
        switch (format) {
          case "int4" ->
              chosen.int4(Int4Blocks.pack("gate", int4(random), chosen.int4BlockRows(), arena));
          case "int4-fast" ->
              chosen.int4Fast(Int4Blocks.pack("gate", int4(random), chosen.int4BlockRows(), arena));
          case "bf16" -> chosen.dense(dense(DType.BF16, random));
          case "f16" -> chosen.dense(dense(DType.F16, random));
          case "f32" -> chosen.dense(dense(DType.F32, random));
          case "int8" -> chosen.decoded(int8(random));
          default -> throw new IllegalArgumentException(format);
        };
    float[] rows = new float[tokens * COLUMNS];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (float) random.nextGaussian();
    }
    x = new StagedRows(StagedSize.of(matrix.form(), tokens), chosen);
    x.stage(
        matrix.form(),
        0,
        (token, target, at) -> System.arraycopy(rows, token * COLUMNS, target, at, COLUMNS),
        tokens,
        null);
    y = new float[tokens * ROWS];
    work = new float[matrix.workSize()];
  }

  @TearDown(Level.Trial)
  public void close() {
    arena.close();
  }

  @Benchmark
  public float[] multiply() {
    matrix.multiply(0, ROWS, x, y, ROWS, work);
    return y;
  }

  private Int4Matrix int4(SplittableRandom random) {
    MemorySegment words = arena.allocate((long) ROWS * COLUMNS / 2, 64);
    for (long at = 0; at < words.byteSize(); at += Integer.BYTES) {
      words.set(ValueLayout.JAVA_INT, at, random.nextInt());
    }
    return new Int4Matrix(
        ROWS, COLUMNS, 32, words, tensor(DType.BF16, ROWS, COLUMNS / 32, random), null, null);
  }

  private Int8Matrix int8(SplittableRandom random) {
    MemorySegment elements = arena.allocate((long) ROWS * COLUMNS, 64);
    for (long at = 0; at < elements.byteSize(); at++) {
      elements.set(ValueLayout.JAVA_BYTE, at, (byte) random.nextInt());
    }
    GroupGrid scales =
        GroupGrid.rowMajor(tensor(DType.BF16, ROWS, 1, random), RowSelection.all(ROWS), 1, 0, 1);
    return new Int8Matrix(ROWS, COLUMNS, COLUMNS, elements, 0, scales, null, null);
  }

  private DenseMatrix dense(DType type, SplittableRandom random) {
    return new DenseMatrix(tensor(type, ROWS, COLUMNS, random));
  }

  /// Random values near 0.02.
  private TensorView tensor(DType type, int rows, int columns, SplittableRandom random) {
    MemorySegment values = arena.allocate((long) rows * columns * type.bytes(), 64);
    for (long i = 0; i < (long) rows * columns; i++) {
      float value = (float) random.nextDouble(0.01, 0.03);
      int bits = Float.floatToIntBits(value);
      switch (type) {
        case F32 -> values.setAtIndex(ValueLayout.JAVA_INT, i, bits);
        case F16 -> values.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(value));
        default -> values.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (bits >>> 16));
      }
    }
    return new TensorView("weights", type, Shape.of(rows, columns), values);
  }
}
