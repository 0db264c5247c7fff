package dev.tornadomoe.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Threads belong to a backend object, whose sessions share them.
class CpuTeamTest {
  private static final List<MoeLayer> LAYERS =
      List.of(RandomLayer.of(LayerSpec.odd(), 31), RandomLayer.of(LayerSpec.odd(), 32));

  private final Set<Thread> before = workers();

  private static Set<Thread> workers() {
    Set<Thread> workers = new HashSet<>(Thread.getAllStackTraces().keySet());
    workers.removeIf(thread -> !thread.getName().startsWith("moe-worker-"));
    return workers;
  }

  /// Of these tests: others may still be ending theirs.
  private int started() {
    Set<Thread> now = workers();
    now.removeAll(before);
    return now.size();
  }

  private void awaitNone() throws InterruptedException {
    for (Thread worker : workers()) {
      if (!before.contains(worker)) {
        worker.join();
      }
    }
  }

  private static MoePlan plan(MoeLayer layer) {
    return Planner.builder().maxTokens(3).build().plan(layer);
  }

  private static float[] run(Session session) {
    float[] output = new float[3 * 96];
    session.run(Rows.of(Rows.random(output.length, 33)), 3, Rows.of(output));
    return output;
  }

  /// A plan for each layer, prepared one after the other, and forks: one team. It ends with the
  /// last session, and begins anew with the next.
  @Test
  void sessionsOfABackendShareItsThreads() throws InterruptedException {
    Backend backend = Backends.require("cpu").withThreads(4);
    List<float[]> expected = new ArrayList<>();
    for (int round = 0; round < 2; round++) {
      List<Session> sessions = new ArrayList<>();
      for (MoeLayer layer : LAYERS) {
        sessions.add(backend.prepare(plan(layer)));
        sessions.add(sessions.getLast().fork());
      }
      assertThat(started()).isEqualTo(3);
      for (Session session : sessions) {
        expected.add(run(session));
      }
      sessions.subList(1, sessions.size()).forEach(Session::close);
      assertThat(run(sessions.getFirst())).isEqualTo(expected.getFirst());
      assertThat(started()).isEqualTo(3);
      sessions.getFirst().close();
      awaitNone();
    }
    assertThat(expected.get(1)).isEqualTo(expected.get(0)).isEqualTo(expected.get(4));
    assertThat(expected.get(2)).isNotEqualTo(expected.get(0)).isEqualTo(expected.get(6));
  }

  /// A larger plan's scratch replaces that of the threads, which a smaller one goes on using.
  @Test
  void plansOfDifferentSizesShareThem() throws InterruptedException {
    Backend backend = Backends.require("cpu").withThreads(2);
    try (Session small = backend.prepare(plan(LAYERS.getFirst()))) {
      float[] expected = run(small);
      MoePlan plan = Planner.builder().maxTokens(500).build().plan(LAYERS.getFirst());
      try (Session large = backend.prepare(plan)) {
        assertThat(run(large)).isEqualTo(expected);
        assertThat(run(small)).isEqualTo(expected);
      }
      assertThat(run(small)).isEqualTo(expected);
    }
    awaitNone();
  }

  @Test
  void backendsHaveThreadsOfTheirOwn() throws InterruptedException {
    try (Session two = Backends.require("cpu").withThreads(2).prepare(plan(LAYERS.getFirst()));
        Session three = Backends.require("cpu").withThreads(3).prepare(plan(LAYERS.getFirst()))) {
      assertThat(started()).isEqualTo(1 + 2);
      assertThat(run(two)).isEqualTo(run(three));
    }
    awaitNone();
  }

  @Test
  void devicesAndMemoryGoByTheNumberThatWasGiven() {
    Backend three = Backends.require("cpu").withThreads(3);
    Backend one = three.withThreads(1);
    assertThat(three.devices().getFirst()).startsWith("3 threads, ");
    assertThat(one.devices().getFirst()).startsWith("1 thread, ");
    MoePlan plan = plan(LAYERS.getFirst());
    long difference = three.memory(plan).total().host() - one.memory(plan).total().host();
    assertThat(difference).isPositive().isEven(); // two workers' scratch
  }

  @Test
  void threadsOfAPlanThatCanNotBeLoadedEnd() throws InterruptedException {
    Backend backend = Backends.require("cpu").withThreads(3);
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> backend.prepare(plan(LAYERS.getFirst())))
        .isInstanceOf(BackendException.class)
        .hasMessage("loading was interrupted");
    assertThat(Thread.interrupted()).isTrue();
    awaitNone();
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 4097})
  void refusesWhatIsNoNumberOfThreads(int threads) {
    Backend cpu = Backends.require("cpu");
    assertThatThrownBy(() -> cpu.withThreads(threads))
        .isInstanceOf(BackendException.class)
        .hasMessage("withThreads(" + threads + "): expected a whole number from 1 to 4096");
    Backend reference = Backends.require("reference");
    assertThatThrownBy(() -> reference.withThreads(2))
        .isInstanceOf(BackendException.class)
        .hasMessage("backend \"reference\" has no threads whose number could be chosen");
  }
}
