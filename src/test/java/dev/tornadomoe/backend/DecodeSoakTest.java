package dev.tornadomoe.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A hundred thousand decode steps, each through all MoE layers of a golden checkpoint. Run by `mvn
/// -P soak verify`.
@Tag("soak")
class DecodeSoakTest {
  private static final int STEPS = 100_000;
  private static final int EVERY = 10_000;

  /// By then everything is compiled.
  private static final int WARM = 20_000;

  private static final long MOST_HEAP = 1 << 20;
  private static final long MOST_RESIDENT = 16 << 20;

  /// One for weights that are mapped, one for weights that are repacked.
  @ParameterizedTest
  @ValueSource(strings = {"hf/qwen3_moe", "w4a16/qwen3_moe-ct_g32_sym"})
  void heapAndResidentMemoryStayFlat(String golden) throws Exception {
    assumeTrue(ProcessMemory.isKnown());
    Path directory = Path.of(DecodeSoakTest.class.getResource("/golden/" + golden).toURI());
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      MoeModel model = MoeModel.of(checkpoint);
      List<MoeLayer> layers = model.layerIndices().stream().map(model::layer).toList();
      MoePlan plan =
          Planner.builder().wholeStep(true).inPlace(true).maxTokens(1).build().plan(layers);
      try (Session session = Backends.require("cpu").prepare(plan)) {
        run(golden, session);
      }
    }
  }

  private static void run(String golden, Session session) {
    int hidden = session.plan().layers().getFirst().hidden();
    float[] start = Rows.random(hidden, 1);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment rows = arena.allocate(4L * hidden, 64);
      MoeCall call = new MoeCall().hidden(rows, 1).output(rows);
      float[] first = null;
      long heap = 0;
      long resident = 0;
      for (int step = 1; step <= STEPS; step++) {
        MemorySegment.copy(start, 0, rows, ValueLayout.JAVA_FLOAT, 0, hidden);
        session.run(call);
        if (step % EVERY == 0) {
          float[] found = rows.toArray(ValueLayout.JAVA_FLOAT);
          first = first == null ? found : first;
          assertThat(found).isEqualTo(first);
          long heapNow = heapInUse();
          long residentNow = ProcessMemory.resident();
          System.out.printf(
              Locale.ROOT,
              "%s, %,d steps: heap %,d KB, resident %,d KB%n",
              golden,
              step,
              heapNow >> 10,
              residentNow >> 10);
          if (step == WARM) {
            heap = heapNow;
            resident = residentNow;
          } else if (step > WARM) {
            assertThat(heapNow - heap).as("heap after %d steps", step).isLessThan(MOST_HEAP);
            assertThat(residentNow - resident)
                .as("resident memory after %d steps", step)
                .isLessThan(MOST_RESIDENT);
          }
        }
      }
    }
  }

  private static long heapInUse() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }
}
