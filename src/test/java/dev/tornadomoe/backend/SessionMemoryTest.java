package dev.tornadomoe.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.contract.HeldMemory;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Memory of sessions is given back: after closing, and after loading that failed.
class SessionMemoryTest {
  private static final LayerSpec SPEC =
      LayerSpec.odd()
          .sized(512, 256, 64, TopKGating.softmax(4, true))
          .with(WeightFormat.int4(DType.F16, 32, false, false));
  private static final MoeLayer LAYER = RandomLayer.of(SPEC, 72);

  /// What the layer's weights take, repacked: 4 bits and a scale for each 32.
  private static final long LAYER_BYTES = 64L * 3 * 512 * 256 * 9 / 16;

  private static final int ROUNDS = 10;

  /// As the JVM counts it: of what is given back to it the C library keeps some, for threads of its
  /// own choice.
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void closingGivesNativeMemoryBack(String backend) throws InterruptedException {
    MoePlan plan = Planner.builder().build().plan(LAYER);
    useOnce(backend, plan); // what there is once for all sessions
    long before = HeldMemory.bytesOfArenas();
    for (int round = 0; round < ROUNDS; round++) {
      useOnce(backend, plan);
    }
    // All of it would be a hundred times as much.
    assertThat(HeldMemory.bytesOfArenas() - before).isLessThan(LAYER_BYTES / 10);
  }

  private static void useOnce(String backend, MoePlan plan) {
    try (Session session = Backends.require(backend).prepare(plan);
        Session fork = session.fork()) {
      float[] hidden = Rows.random(plan.layers().getFirst().hidden(), 1);
      fork.run(Rows.of(hidden), 1, Rows.of(new float[hidden.length]));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void loadingThatRunsOutOfMemoryLeavesNothingBehind(String backend) throws Exception {
    Queue<Arena> arenas = new ConcurrentLinkedQueue<>();
    List<Mlp> experts = new ArrayList<>();
    for (Mlp mlp : RandomLayer.of(LayerSpec.odd(), 73).experts().local()) {
      experts.add(
          Mlp.gated(
              new Allocating(mlp.gate(), arenas, false),
              new Allocating(mlp.up(), arenas, false),
              new Allocating(mlp.down(), arenas, experts.size() == 2)));
    }
    MoeLayer layer =
        MoeLayer.of(
            0,
            RandomLayer.of(LayerSpec.odd(), 73).router(),
            ExpertWeights.of(experts, Activation.SILU),
            null);
    MoePlan plan = Planner.builder().build().plan(layer);
    assertThatThrownBy(() -> Backends.require(backend).prepare(plan).close())
        .isInstanceOf(OutOfMemoryError.class)
        .hasMessage("on purpose");
    assertThat(arenas).isNotEmpty().noneMatch(arena -> arena.scope().isAlive());
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().startsWith("moe-loader")) {
        // The pool has ended; its threads may still be on their last lines.
        assertThat(thread.join(Duration.ofSeconds(10))).isTrue();
      }
    }
  }

  /// Takes memory when it is loaded, and finds none if it is to fail.
  private record Allocating(Weight weight, Queue<Arena> arenas, boolean fails) implements Weight {
    @Override
    public String name() {
      return weight.name();
    }

    @Override
    public int rows() {
      return weight.rows();
    }

    @Override
    public int columns() {
      return weight.columns();
    }

    @Override
    public WeightFormat format() {
      return weight.format();
    }

    @Override
    public long bytesToLoad() {
      return weight.bytesToLoad();
    }

    @Override
    public WeightMatrix load(Arena arena) {
      arena.allocate(1 << 16);
      arenas.add(arena);
      if (fails) {
        throw new OutOfMemoryError("on purpose");
      }
      return weight.load(arena);
    }
  }
}
