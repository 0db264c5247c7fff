package dev.tornadomoe.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.HeldMemory;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Collections;
import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What sessions of 48 layers of a size that models have take beside their weights, on 16 threads.
class CpuFootprintTest {
  private static final MoeLayer LAYER =
      RandomLayer.of(
          LayerSpec.odd()
              .sized(2048, 768, 8, TopKGating.softmax(8, true))
              .with(WeightFormat.int4(DType.BF16, 32, false, false)),
          17);

  private String threads;

  @BeforeEach
  void useSixteenThreads() {
    threads = System.getProperty(CpuBackend.THREADS_PROPERTY, "");
    System.setProperty(CpuBackend.THREADS_PROPERTY, "16");
  }

  @AfterEach
  void useAsManyAsBefore() {
    if (threads.isEmpty()) {
      System.clearProperty(CpuBackend.THREADS_PROPERTY);
    } else {
      System.setProperty(CpuBackend.THREADS_PROPERTY, threads);
    }
  }

  private static MoePlan plan(int layers, int tokens) {
    return Planner.builder().maxTokens(tokens).build().plan(Collections.nCopies(layers, LAYER));
  }

  @ParameterizedTest
  @CsvSource({"64, 24", "1, 4"})
  void announcesLittleBesideWeights(int tokens, int mostMiB) {
    SessionMemory memory = new CpuBackend().memory(plan(48, tokens));
    assertThat(memory.besideWeights().host()).isLessThanOrEqualTo((long) mostMiB << 20);
    assertThat(memory.besideWeights())
        .isEqualTo(new CpuBackend().memory(plan(1, tokens)).besideWeights());
  }

  /// A gigabyte of weights: not for every build.
  @Test
  @Tag("soak")
  void holdsLittleBesideWeights() {
    assertThat(held(64)).isLessThanOrEqualTo(24L << 20);
    assertThat(held(1)).isLessThanOrEqualTo(4L << 20);
  }

  private static long held(int tokens) {
    held(1, tokens); // loads classes
    long held = held(48, tokens);
    System.out.printf(
        Locale.ROOT,
        "48 layers, %d tokens, 16 threads: %d KiB beside weights, announced %d KiB%n",
        tokens,
        held >> 10,
        new CpuBackend().memory(plan(48, tokens)).besideWeights().host() >> 10);
    return held;
  }

  private static long held(int layers, int tokens) {
    MoePlan plan = plan(layers, tokens);
    MemorySegment hidden = Rows.of(new float[tokens * LAYER.hidden()]);
    MemorySegment output = Rows.of(new float[tokens * LAYER.hidden()]);
    CpuBackend backend = new CpuBackend();
    long before = HeldMemory.bytes();
    try (Session session = backend.prepare(plan)) {
      session.run(hidden, tokens, output);
      return HeldMemory.bytes() - before - backend.memory(plan).weights().host();
    } finally {
      Reference.reachabilityFence(hidden);
      Reference.reachabilityFence(output);
    }
  }
}
