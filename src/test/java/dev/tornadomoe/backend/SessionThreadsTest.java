package dev.tornadomoe.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Sessions of the host backends and threads, beside what [dev.tornadomoe.contract] asks of all
/// backends.
class SessionThreadsTest {
  private static final MoeLayer LAYER =
      RandomLayer.of(LayerSpec.odd().with(WeightFormat.int4(DType.F16, 32, true, false)), 71);
  private static final MoePlan PLAN = Planner.builder().build().plan(LAYER);

  /// Or the next test would begin interrupted.
  @AfterEach
  void clear() {
    Thread.interrupted();
  }

  private static float[] run(Session session) {
    float[] output = new float[LAYER.hidden()];
    session.run(Rows.of(Rows.random(LAYER.hidden(), 1)), 1, Rows.of(output));
    return output;
  }

  @Test
  void interruptedThreadsDoNotLoad() {
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> Backends.require("cpu").prepare(PLAN).close())
        .isInstanceOf(MoeException.class)
        .hasMessage("loading was interrupted");
    assertThat(Thread.interrupted()).isTrue();
    assertThat(loaders()).isEmpty();
  }

  @Test
  void interruptedThreadsOpenNothing() throws Exception {
    Path golden =
        Path.of(
            SessionThreadsTest.class.getResource("/golden/hf/mixtral/model.safetensors").toURI());
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> Checkpoint.open(golden.getParent()).close())
        .isInstanceOf(MoeException.class)
        .hasMessage(golden + ": can't be read (the thread was interrupted)");
    assertThat(Thread.interrupted()).isTrue();
  }

  /// The weights are given back once, whichever session closes last.
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void threadsMayCloseAtTheSameTime(String backend) throws Exception {
    try (Session session = Backends.require(backend).prepare(PLAN);
        ExecutorService pool = Executors.newFixedThreadPool(4)) {
      for (int round = 0; round < 200; round++) {
        Session closed = session.fork();
        List<Callable<String>> users = new ArrayList<>();
        for (int user = 0; user < 4; user++) {
          users.add(() -> close(closed));
        }
        for (Future<String> said : pool.invokeAll(users)) {
          assertThat(said.get())
              .isIn("closed", "the session is running a call and can't be closed");
        }
        run(session); // has its weights still
      }
    }
  }

  private static String close(Session session) {
    try {
      session.close();
      return "closed";
    } catch (MoeException e) {
      return e.getMessage();
    }
  }

  /// One runs, one closes: calls end well or in a sentence, and nobody reads memory that is gone.
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void closingWhileAnotherThreadCallsEndsInSentences(String backend) throws Exception {
    float[] expected;
    try (Session session = Backends.require(backend).prepare(PLAN)) {
      expected = run(session);
    }
    for (int round = 0; round < 50; round++) {
      Session session = Backends.require(backend).prepare(PLAN);
      AtomicBoolean right = new AtomicBoolean(true);
      List<String> said = new ArrayList<>();
      Thread user =
          Thread.ofPlatform()
              .start(() -> {
                while (said.isEmpty()) {
                  try {
                    right.set(right.get() && Arrays.equals(run(session), expected));
                  } catch (MoeException e) {
                    said.add(e.getMessage());
                  } catch (Throwable e) {
                    said.add(e.toString());
                  }
                }
              });
      while (!close(session).equals("closed")) {
        Thread.onSpinWait();
      }
      user.join();
      assertThat(said).first().asString().matches("the session is (closed|in use by another .*)");
      assertThat(right).isTrue();
    }
  }

  private static List<String> loaders() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(Thread::isAlive)
        .map(Thread::getName)
        .filter(name -> name.startsWith("moe-loader"))
        .toList();
  }
}
