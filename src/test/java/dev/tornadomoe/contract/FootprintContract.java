package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Collections;
import java.util.List;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

/// A session takes what its backend has announced. Beside weights that is as much for many layers
/// as for one.
public abstract class FootprintContract extends BackendContract {
  private static final int TOKENS = 128;

  /// Wide rows and little of all else: what is held beside weights is rows and scratch.
  private static final MoeLayer LAYER =
      RandomLayer.of(
          LayerSpec.odd()
              .sized(2048, 32, 8, TopKGating.softmax(8, true))
              .withShared(32, true)
              .with(WeightFormat.int4(DType.BF16, 32, false, false)),
          91);

  /// How many threads compute, for backends that can be told.
  protected List<Integer> threads() {
    return List.of(1);
  }

  /// Has sessions that are made in `run` compute with so many threads.
  protected void withThreads(int count, Runnable run) {
    run.run();
  }

  @Test
  void sessionsTakeWhatWasAnnounced() {
    for (int count : threads()) {
      withThreads(count, () -> checkLayers(count));
    }
  }

  private void checkLayers(int threads) {
    hold(1); // loads classes
    long announced = announced(1);
    for (int layers : breadth() == Breadth.FULL ? new int[] {1, 4, 48} : new int[] {1, 4}) {
      assertThat(announced(layers)).as("announced for %d layers", layers).isEqualTo(announced);
      assertThat(hold(layers))
          .as("held with %d threads, %d layers", threads, layers)
          .isCloseTo(announced, Percentage.withPercentage(10));
    }
  }

  private static MoePlan plan(int layers) {
    return Planner.builder().maxTokens(TOKENS).build().plan(Collections.nCopies(layers, LAYER));
  }

  private long announced(int layers) {
    return backend().memory(plan(layers)).besideWeights().host();
  }

  /// What a session holds beside its weights.
  private long hold(int layers) {
    MoePlan plan = plan(layers);
    MemorySegment hidden = Rows.of(new float[TOKENS * LAYER.hidden()]);
    MemorySegment output = Rows.of(new float[TOKENS * LAYER.hidden()]);
    long before = HeldMemory.bytes();
    try (Session session = backend().prepare(plan)) {
      session.run(hidden, TOKENS, output);
      return HeldMemory.bytes() - before - backend().memory(plan).weights().host();
    } finally {
      Reference.reachabilityFence(hidden);
      Reference.reachabilityFence(output);
    }
  }
}
