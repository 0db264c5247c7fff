package dev.tornadomoe.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Precision;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Calls allocate nothing, on any thread. Until the compiler has seen a kernel often enough the
/// Vector API makes an object of each vector, so calls are repeated until a whole window of them is
/// clean; code that allocates never gets there.
class AllocationTest {
  private static final int WINDOW = 50;
  private static final int MOST_WINDOWS = 2_000;

  static Stream<Arguments> layers() {
    LayerSpec base = LayerSpec.odd().withShared(40, true);
    WeightFormat int4 = WeightFormat.int4(DType.BF16, 32, false, false);
    Stream<Arguments> fast =
        Stream.of(1, 7).map(tokens -> Arguments.of(base.with(int4), Precision.FAST, tokens));
    Stream<Arguments> exact = exactLayers(base);
    return Stream.concat(exact, fast);
  }

  private static Stream<Arguments> exactLayers(LayerSpec base) {
    return Stream.of(
            base,
            base.with(WeightFormat.dense(DType.F16)),
            base.with(WeightFormat.int4(DType.BF16, 32, false, false)).withBiases(),
            base.with(WeightFormat.scaled(Coding.FP8, DType.F32, 128, 128)),
            base.with(new WeightFormat(Coding.INT8, DType.F32, 1, 32, true, false)),
            base.with(WeightFormat.scaled(Coding.MXFP4, DType.F8_E8M0, 1, 32)),
            base.with(WeightFormat.scaled(Coding.NVFP4, DType.F8_E4M3, 1, 16)),
            base.with(WeightFormat.int4(DType.F16, 32, true, true)),
            base.with(Activation.swigluOai(7), true).withWeightOnInput())
        .flatMap(
            spec -> Stream.of(1, 7).map(tokens -> Arguments.of(spec, Precision.EXACT, tokens)));
  }

  @ParameterizedTest
  @MethodSource("layers")
  void callsAllocateNothing(LayerSpec spec, Precision precision, int tokens) {
    MoeLayer layer = RandomLayer.of(spec, 81);
    float[] rows = Rows.random(tokens * layer.hidden(), 82);
    try (Arena arena = Arena.ofShared();
        Session session =
            new CpuBackend()
                .prepare(
                    Planner.builder()
                        .precision(precision)
                        .wholeStep(true)
                        .build()
                        .plan(List.of(layer, layer)))) {
      MemorySegment hidden = arena.allocateFrom(ValueLayout.JAVA_FLOAT, rows);
      MemorySegment output = arena.allocate(hidden.byteSize(), 4);
      MoeCall call = new MoeCall().hidden(hidden, tokens).output(output);
      long[] threads = threads();
      long allocated = Long.MAX_VALUE;
      for (int window = 0; window < MOST_WINDOWS && allocated != 0; window++) {
        long start = allocatedBy(threads);
        long before = allocatedBy(threads);
        for (int i = 0; i < WINDOW; i++) {
          session.run(call);
        }
        // Less what asking allocates, which is less once the compiler has seen it: a negative
        // number
        // says nothing.
        allocated = allocatedBy(threads) - before - (before - start);
      }
      assertThat(allocated)
          .as("bytes allocated by %d calls: %d tokens, %s, %s", WINDOW, tokens, precision, spec)
          .isZero();
    }
  }

  /// This thread and the workers.
  private static long[] threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(
            thread -> thread == Thread.currentThread() || thread.getName().startsWith("moe-worker"))
        .mapToLong(Thread::threadId)
        .toArray();
  }

  private static long allocatedBy(long[] threads) {
    ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long sum = 0;
    for (long thread : threads) {
      long bytes = bean.getThreadAllocatedBytes(thread);
      sum += Math.max(0, bytes);
    }
    return sum;
  }
}
