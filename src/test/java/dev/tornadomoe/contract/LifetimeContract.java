package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.WeightedNorm;
import dev.tornadomoe.plan.MemoryKind;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/// How long sessions live, and the memory that they are made of: forks go on where another is
/// closed, on threads of their own, and memory that is gone is one sentence.
public abstract class LifetimeContract extends BackendContract {
  private static final MoeLayer LAYER = RandomLayer.of(LayerSpec.odd(), 41);
  private static final int H = 96;

  private Session session(MoeLayer layer) {
    return backend().prepare(Planner.builder().maxTokens(1).build().plan(layer));
  }

  private static MoeCall call() {
    return new MoeCall().hidden(Rows.of(new float[H]), 1).output(Rows.of(new float[H]));
  }

  @Test
  void refusesCallsAfterClose() {
    Session session = session(LAYER);
    Session fork = session.fork();
    session.close();
    session.close(); // again does no harm
    assertThatThrownBy(() -> session.run(call()))
        .isInstanceOf(MoeException.class)
        .hasMessageContaining("closed");
    fork.run(call()); // the weights are still there for the other one
    fork.close();
    assertThatThrownBy(fork::fork).isInstanceOf(MoeException.class).hasMessageContaining("closed");
  }

  @Test
  void closedSessionsForkAndReadNothing() {
    Session session = session(LAYER);
    Optional<MemoryProbe> probe = session.memoryProbe();
    try (Session other = session.fork()) {
      session.close();
      assertThatThrownBy(session::fork)
          .isInstanceOf(MoeException.class)
          .hasMessage("the session is closed");
      other.run(call());
    }
    probe.ifPresent(open ->
        assertThatThrownBy(() -> open.move(List.of(new int[] {0, 1})))
            .isInstanceOf(MoeException.class)
            .hasMessage("the session is closed"));
  }

  @Test
  void weightsThatWereClosedAreNoStackTrace() {
    refusesWhatIsClosed(arena -> {
      TensorView stored = ((DenseMatrix) LAYER.router().weight().load(arena)).values();
      TensorView values =
          new TensorView("router", stored.dtype(), stored.shape(), copy(arena, stored));
      TensorView correction =
          new TensorView("correction", DType.F32, Shape.of(5), arena.allocate(4 * 5, 4));
      Router router =
          new Router(
              Weight.of("router", new DenseMatrix(values)),
              null,
              Bias.of(correction),
              LAYER.router().gating());
      return MoeLayer.of(0, router, LAYER.experts(), null);
    });
  }

  /// Each session reads them anew.
  @Test
  void ownNormsThatWereClosedAreNoStackTrace() {
    refusesWhatIsClosed(arena -> {
      TensorView weights =
          new TensorView("norm", DType.F32, Shape.of(H), arena.allocate(4L * H, 4));
      return LAYER.withNorms(
          new OwnNorms(null, null, new WeightedNorm(new RmsNorm(0.25f), weights, 1)));
    });
  }

  @Test
  void expertsBiasesThatWereClosedAreNoStackTrace() {
    MoeLayer layer;
    try (Arena arena = Arena.ofShared()) {
      List<Mlp> experts =
          LAYER.experts().local().stream()
              .map(expert ->
                  new Mlp(
                      expert.gate(),
                      expert.up(),
                      expert.down(),
                      null,
                      null,
                      Bias.of(
                          new TensorView(
                              "bias", DType.F32, Shape.of(H), arena.allocate(4L * H, 4)))))
              .toList();
      layer =
          MoeLayer.of(
              0, LAYER.router(), ExpertWeights.of(experts, LAYER.experts().activation()), null);
    }
    assertThatThrownBy(() -> session(layer))
        .isInstanceOf(MoeException.class)
        .hasMessageContaining("closed before the session");
  }

  private static MemorySegment copy(Arena arena, TensorView tensor) {
    return arena.allocate(tensor.data().byteSize(), 64).copyFrom(tensor.data());
  }

  /// @param made a layer of memory that ends before its session
  private void refusesWhatIsClosed(Function<Arena, MoeLayer> made) {
    MoeLayer layer;
    Session session;
    try (Arena arena = Arena.ofShared()) {
      layer = made.apply(arena);
      session = session(layer);
      session.run(call());
    }
    assertThatThrownBy(() -> session(layer))
        .isInstanceOf(MoeException.class)
        .hasMessageContaining("closed before the session");
    try (session) {
      assertThatThrownBy(() -> session.run(call()))
          .isInstanceOf(MoeException.class)
          .hasMessageContaining("closed before the session");
      assertThatThrownBy(session::fork)
          .isInstanceOf(MoeException.class)
          .hasMessageContaining("closed before the session");
    }
  }

  @Test
  void forksNoPlanForOtherMemory() {
    try (Session session = session(LAYER)) {
      MoePlan device = Planner.builder().maxTokens(1).memory(MemoryKind.DEVICE).build().plan(LAYER);
      assertThatThrownBy(() -> session.fork(device))
          .isInstanceOf(MoeException.class)
          .hasMessageContaining("device memory");
    }
  }

  @Test
  void givesTheSameBitsOnManyThreadsWithASessionEach() throws Exception {
    int tokens = breadth() == Breadth.FULL ? 7 : 1;
    float[] hidden = Rows.random(tokens * H, 43);
    float[] expected = new float[hidden.length];
    MoePlan plan = Planner.builder().maxTokens(tokens).build().plan(LAYER);
    try (Session session = backend().prepare(plan);
        ExecutorService pool = Executors.newFixedThreadPool(4)) {
      session.run(Rows.of(hidden), tokens, Rows.of(expected));
      List<Callable<Boolean>> users = new ArrayList<>();
      for (int user = 0; user < 4; user++) {
        users.add(() -> {
          boolean same = true;
          try (Session mine = session.fork()) {
            for (int i = 0; i < 50; i++) {
              float[] output = new float[hidden.length];
              mine.run(Rows.of(hidden), tokens, Rows.of(output));
              same &= Arrays.equals(output, expected);
            }
          }
          return same;
        });
      }
      for (Future<Boolean> same : pool.invokeAll(users)) {
        assertThat(same.get()).isTrue();
      }
    }
  }
}
