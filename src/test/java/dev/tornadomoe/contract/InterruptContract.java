package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.CallInterruptedException;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Calls end soon after their thread is interrupted, in a sentence, and do the session no harm.
public abstract class InterruptContract extends BackendContract {
  private static final int H = 96;
  private static final MoeLayer LAYER = RandomLayer.of(LayerSpec.odd(), 51);

  /// Or the next test would begin interrupted.
  @AfterEach
  void clear() {
    Thread.interrupted();
  }

  private static void requireInterrupted(Runnable call) {
    assertThatThrownBy(call::run)
        .isInstanceOf(CallInterruptedException.class)
        .hasMessage(
            "the call's thread was interrupted: its output is not complete, the session can be used"
                + " on");
    assertThat(Thread.interrupted()).as("the flag stays set").isTrue();
  }

  private static float[] run(Session session, int tokens) {
    float[] output = new float[tokens * H];
    session.run(Rows.of(Rows.random(tokens * H, 52)), tokens, Rows.of(output));
    return output;
  }

  @Test
  void callsOfInterruptedThreadsDoNotBegin() {
    try (Session session = backend().prepare(Planner.builder().maxTokens(2).build().plan(LAYER))) {
      float[] expected = run(session, 2);
      long tasks = session.tasks();
      Thread.currentThread().interrupt();
      requireInterrupted(() -> run(session, 2));
      assertThat(session.tasks()).isEqualTo(tasks);
      Thread.currentThread().interrupt();
      requireInterrupted(session::warmUp);
      assertThat(run(session, 2)).isEqualTo(expected);
    }
  }

  /// From another thread, in the middle of very many chunks.
  @Test
  void longCallsEndSoon() throws InterruptedException {
    int tokens = 20_000;
    MoePlan plan = Planner.builder().maxTokens(tokens).chunkTokens(1).build().plan(LAYER);
    try (Session session = backend().prepare(plan)) {
      float[] expected = run(session, 3);
      long tasksOfChunk = session.tasks() / 3;
      long before = session.tasks();
      Thread caller = Thread.currentThread();
      AtomicBoolean done = new AtomicBoolean();
      Thread other =
          Thread.ofPlatform()
              .start(() -> {
                while (session.tasks() == before && !done.get()) {
                  LockSupport.parkNanos(100_000);
                }
                caller.interrupt();
              });
      try {
        requireInterrupted(() -> run(session, tokens));
      } finally {
        done.set(true);
      }
      assertThat(session.tasks() - before).isLessThan(tokens * tasksOfChunk);
      other.join();
      assertThat(run(session, 3)).isEqualTo(expected);
    }
  }

  /// The router's function interrupts in the second of three layers: no step of the third one runs.
  @Test
  void stepsAfterTheInterruptDoNotRun() {
    AtomicInteger calls = new AtomicInteger();
    CustomGating gating =
        new CustomGating(
            2,
            (logits, ids, weights) -> {
              ids[1] = 1;
              if (calls.incrementAndGet() == 2) {
                Thread.currentThread().interrupt();
              }
            });
    MoeLayer layer = RandomLayer.of(LayerSpec.odd().with("custom", gating, false), 53);
    MoePlan plan =
        Planner.builder().maxTokens(1).wholeStep(true).build().plan(List.of(layer, layer, layer));
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      requireInterrupted(() -> run(session, 1));
      assertThat(calls).hasValue(2);
      assertThat(session.copies()).isZero();
      run(session, 1);
      assertThat(calls).hasValue(5);
    }
  }

  /// Others wait for this process's rows.
  @Test
  void callsAmongSeveralProcessesAreDoneToTheEnd() {
    ModularMoe modularMoe =
        new ModularMoe(new TwoSidedEnds(), ExpertsCatalog.named("fused").experts());
    MoePlan plan = Planner.builder().maxTokens(2).modularMoe(modularMoe).build().plan(LAYER);
    try (Session session = backend().prepare(plan)) {
      float[] expected = run(session, 2);
      Thread.currentThread().interrupt();
      assertThat(run(session, 2)).isEqualTo(expected);
      assertThat(Thread.interrupted()).isTrue();
    }
  }
}
