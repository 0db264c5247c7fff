package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tornado.replay.ReplayMode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Sessions that replay, and sessions that must not.
class SessionReplayTest {
  private static final System.Logger LOG = System.getLogger("dev.tornadomoe.tornado");

  private static final int SOAK = 100_000;

  /// `-Dreplay.steps=100000` makes it a soak, in which resident memory must stay flat, too: in a
  /// short run it still grows with what Java compiles.
  private static final int STEPS = Integer.getInteger("replay.steps", 2000);

  private static final long MOST_RESIDENT = 16 << 20;

  private static final long MOST_HEAP = 1 << 20;

  private final Backend backend = Backends.require("tornado");
  private final String before = System.getProperty(ReplayMode.PROPERTY, "auto");
  private Checkpoint checkpoint;
  private List<MoeLayer> layers;
  private int hidden;

  @BeforeEach
  void open() {
    checkpoint =
        Checkpoint.open(Path.of("../src/test/resources/golden/w4a16/qwen3_moe-ct_g32_sym"));
    MoeModel model = MoeModel.of(checkpoint);
    layers = model.layerIndices().stream().map(model::layer).toList();
    hidden = layers.getFirst().hidden();
  }

  @AfterEach
  void close() {
    checkpoint.close();
    System.setProperty(ReplayMode.PROPERTY, before);
  }

  /// The hidden states are the output: what the check runs twice must begin with the same rows.
  @Test
  void replayedStepsHaveTheBitsOfExecutedOnes() {
    MoePlan plan =
        Planner.builder().maxTokens(3).wholeStep(true).inPlace(true).build().plan(layers);
    System.setProperty(ReplayMode.PROPERTY, "off");
    try (Session executed = backend.prepare(plan)) {
      System.setProperty(ReplayMode.PROPERTY, "required");
      try (Session replayed = executed.fork()) {
        for (int seed = 0; seed < 4; seed++) {
          for (int tokens : new int[] {1, 3, 2}) {
            float[] rows = Rows.random(tokens * hidden, seed);
            float[] other = rows.clone();
            run(executed, rows, tokens);
            run(replayed, other, tokens);
            assertThat(other).containsExactly(rows);
          }
        }
        assertThat(replayed.launches()).hasValue("replayed");
        assertThat(executed.launches()).hasValue("task by task (-Dtornadomoe.tornado.replay=off)");
        assertThat(replayed.tasks()).isEqualTo(executed.tasks());
        MoeCall call = call(Rows.random(hidden, 1), 1);
        assertThat(executed.profile(call)).isEmpty();
        assertThat(replayed.profile(call).orElseThrow().tasks())
            .allSatisfy(task -> assertThat(task.micros()).isPositive())
            .allSatisfy(task -> assertThat(task.operation()).matches("[a-zA-Z]+"))
            .extracting(Profile.Task::layer)
            .containsOnly(0);
      }
    }
  }

  /// One thread after the other, whichever was first.
  @Test
  void replayedSessionsGoFromThreadToThread() throws InterruptedException {
    MoePlan plan =
        Planner.builder().maxTokens(3).wholeStep(true).inPlace(true).build().plan(layers);
    System.setProperty(ReplayMode.PROPERTY, "required");
    float[] expected = Rows.random(3 * hidden, 5);
    float[] found = expected.clone();
    float[] single = Rows.random(hidden, 6);
    float[] other = single.clone();
    try (Session session = backend.prepare(plan)) {
      run(session, expected, 3);
      Thread next =
          Thread.ofPlatform()
              .start(() -> {
                run(session, found, 3);
                run(session, other, 1);
              });
      next.join();
      run(session, single, 1);
      assertThat(found).containsExactly(expected);
      assertThat(other).containsExactly(single);
      run(session, found, 3);
    }
    System.setProperty(ReplayMode.PROPERTY, "off");
    try (Session session = backend.prepare(plan)) {
      run(session, found, 3);
      List<String> said = new ArrayList<>();
      Thread next =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  run(session, found, 3);
                } catch (BackendException e) {
                  said.add(e.getMessage());
                }
              });
      next.join();
      assertThat(said).hasSize(1).allMatch(text -> text.contains("belongs to thread"));
    }
  }

  /// A profile of a call that nothing was called before is checked, too.
  @Test
  void replayedStepsKeepNothing() throws IOException {
    MoePlan plan = Planner.builder().maxTokens(1).wholeStep(true).build().plan(layers);
    System.setProperty(ReplayMode.PROPERTY, "required");
    try (Session session = backend.prepare(plan)) {
      float[] first = new float[hidden];
      MoeCall call =
          new MoeCall()
              .hidden(MemorySegment.ofArray(Rows.random(hidden, 1)), 1)
              .output(MemorySegment.ofArray(first));
      assertThat(session.profile(call).orElseThrow().tasks()).isNotEmpty();
      float[] found = new float[hidden];
      call.output(MemorySegment.ofArray(found));
      for (int step = 0; step < STEPS / 5; step++) {
        session.run(call);
      }
      long heap = heapInUse();
      long resident = resident();
      long device = DeviceHeld.bytes();
      for (int step = STEPS / 5; step < STEPS; step++) {
        session.run(call);
      }
      long heapMore = heapInUse() - heap;
      long residentMore = resident() - resident;
      assertThat(heapMore).isLessThan(MOST_HEAP);
      assertThat(DeviceHeld.bytes()).isEqualTo(device);
      if (STEPS >= SOAK) {
        LOG.log(
            System.Logger.Level.INFO,
            "after {0} steps, in KiB: heap {1} more than {2} after {3}, resident {4} more than {5}",
            STEPS,
            heapMore >> 10,
            heap >> 10,
            STEPS / 5,
            residentMore >> 10,
            resident >> 10);
        assertThat(residentMore).isLessThan(MOST_RESIDENT);
      }
      assertThat(found).containsExactly(first);
    }
  }

  @Test
  void aWrongModeIsSaidBeforeAnythingIsLoaded() {
    MoePlan plan = Planner.builder().maxTokens(1).build().plan(layers);
    System.setProperty(ReplayMode.PROPERTY, "never");
    assertThatThrownBy(() -> backend.prepare(plan))
        .hasMessage("-Dtornadomoe.tornado.replay=never: expected auto, off or required");
    System.setProperty(ReplayMode.PROPERTY, "off");
    assertThat(backend.launches()).hasValue("task by task (-Dtornadomoe.tornado.replay=off)");
    System.setProperty(ReplayMode.PROPERTY, "auto");
    assertThat(backend.launches()).hasValue("replayed");
    assertThat(backend.devices()).allMatch(line -> line.contains(", launches replayed"));
  }

  private static void run(Session session, float[] rows, int tokens) {
    session.run(call(rows, tokens));
  }

  private static MoeCall call(float[] rows, int tokens) {
    MemorySegment memory = MemorySegment.ofArray(rows);
    return new MoeCall().hidden(memory, tokens).output(memory);
  }

  /// Bytes, as Linux says them; 0 elsewhere.
  private static long resident() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return 0;
    }
    return Files.readAllLines(status).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
        .findFirst()
        .orElse(0);
  }

  private static long heapInUse() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }
}
