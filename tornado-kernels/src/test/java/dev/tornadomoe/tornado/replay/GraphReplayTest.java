package dev.tornadomoe.tornado.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.TornadoExecutionResult;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.exceptions.TornadoExecutionPlanException;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Plans of an engine's own, executed by TornadoVM once and replayed from then on.
class GraphReplayTest {
  private Engine engine;

  @BeforeEach
  void build() {
    engine = new Engine();
  }

  @Test
  void runsAreThoseOfThePlan() throws TornadoExecutionPlanException {
    try (TornadoExecutionPlan plan = engine.plan()) {
      engine.set(1);
      Engine.execute(plan);
      try (GraphReplay replay = GraphReplay.of(plan)) {
        for (int number = 2; number < 6; number++) {
          engine.set(number);
          replay.run();
          assertThat(engine.x.toHeapArray()).containsExactly(Engine.expected(number));
        }
        // 16 bytes of an array are its header.
        assertThat(replay.bytesUp()).isEqualTo(16 + 4 * Engine.SIZE + 16 + 4);
        assertThat(replay.bytesDown()).isEqualTo(16 + 4 * Engine.SIZE);
        engine.set(7);
        Engine.execute(plan);
        assertThat(engine.x.toHeapArray()).containsExactly(Engine.expected(7));
        engine.set(8);
        replay.run();
        assertThat(engine.x.toHeapArray()).containsExactly(Engine.expected(8));
      }
    }
  }

  /// Twice, since a run with the same rows as the last has its commands ready.
  @Test
  void rowsOfTheHostTakeAnArraysPlace() throws TornadoExecutionPlanException {
    int count = Engine.SIZE / 2;
    try (TornadoExecutionPlan plan = engine.plan();
        Arena arena = Arena.ofConfined()) {
      Engine.execute(plan);
      MemorySegment rows = arena.allocate(count * 4L, 8);
      try (GraphReplay replay = GraphReplay.of(plan)) {
        for (int number = 2; number < 4; number++) {
          engine.set(number);
          rows.copyFrom(engine.x.getSegment().asSlice(0, count * 4L));
          engine.x.init(-1f);
          replay.run(List.of(new HostRows(engine.x, rows)));
          assertThat(rows.toArray(ValueLayout.JAVA_FLOAT))
              .containsExactly(Arrays.copyOf(Engine.expected(number), count));
          assertThat(engine.x.toHeapArray()).containsOnly(-1f);
        }
        engine.set(5);
        replay.run();
        assertThat(engine.x.toHeapArray()).containsExactly(Engine.expected(5));
      }
    }
  }

  /// Memory of sessions begins at the same place, with as many rows as a call has.
  @Test
  void eachRunHasAsManyRowsAsItBrings() throws TornadoExecutionPlanException {
    try (TornadoExecutionPlan plan = engine.plan();
        Arena arena = Arena.ofConfined()) {
      Engine.execute(plan);
      MemorySegment memory = arena.allocate(Engine.SIZE * 4L, 8);
      try (GraphReplay replay = GraphReplay.of(plan)) {
        for (int count : new int[] {2, 5, 3, Engine.SIZE}) {
          engine.set(count);
          memory.copyFrom(engine.x.getSegment().asSlice(0, memory.byteSize()));
          replay.run(List.of(new HostRows(engine.x, memory.asSlice(0, count * 4L))));
          float[] expected = engine.x.toHeapArray();
          System.arraycopy(Engine.expected(count), 0, expected, 0, count);
          assertThat(memory.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(expected);
        }
      }
    }
  }

  @Test
  void aCheckFindsTheSameBitsAndLeavesOneExecution() throws TornadoExecutionPlanException {
    try (TornadoExecutionPlan plan = engine.plan()) {
      engine.set(1);
      Engine.execute(plan);
      try (GraphReplay replay = GraphReplay.of(plan)) {
        engine.set(2);
        replay.check(() -> Engine.execute(plan));
        assertThat(engine.x.toHeapArray()).containsExactly(Engine.expected(2));

        engine.set(3);
        assertThatThrownBy(() -> replay.check(() -> engine.x.set(5, -1f)))
            .isInstanceOf(ReplayException.class)
            .hasMessageContaining("other bits than TornadoVM's own execution, from byte 18 of");
        assertThat(engine.x.get(5)).isEqualTo(-1f);
      }
    }
  }

  @Test
  void aProfileHasATimeForEachTask() throws TornadoExecutionPlanException {
    try (TornadoExecutionPlan plan = engine.plan()) {
      Engine.execute(plan);
      try (GraphReplay replay = GraphReplay.of(plan)) {
        engine.set(2);
        List<LaunchTime> times = replay.profile();
        assertThat(times)
            .extracting(LaunchTime::task)
            .containsExactly("first.scale", "second.twice");
        assertThat(times).allSatisfy(time -> assertThat(time.nanos()).isPositive());
        assertThat(engine.x.toHeapArray()).containsExactly(Engine.expected(2));
      }
    }
  }

  /// Such a loop's bounds are in memory that all tasks of a plan share.
  @Test
  void parallelLoopsReadTheirOwnBounds() throws TornadoExecutionPlanException {
    FloatArray few = new FloatArray(Engine.SIZE);
    FloatArray all = new FloatArray(Engine.SIZE);
    few.init(1f);
    all.init(1f);
    engine.grid.addWorkerGrid("loops.few", new WorkerGrid1D(8));
    engine.grid.addWorkerGrid("loops.all", new WorkerGrid1D(Engine.SIZE));
    TaskGraph graph =
        new TaskGraph("loops")
            .transferToDevice(DataTransferMode.EVERY_EXECUTION, few, all)
            .task("few", Engine::twiceInLoop, few, 8)
            .task("all", Engine::twiceInLoop, all, Engine.SIZE)
            .transferToHost(DataTransferMode.EVERY_EXECUTION, few, all);
    try (TornadoExecutionPlan plan = new TornadoExecutionPlan(graph.snapshot())) {
      plan.withGridScheduler(engine.grid).execute();
      try (GraphReplay replay = GraphReplay.of(plan)) {
        replay.run();
      }
    }
    assertThat(all.toHeapArray()).containsOnly(4f);
    assertThat(few.get(7)).isEqualTo(4f);
    assertThat(few.get(8)).isEqualTo(1f);
  }

  /// Nothing says how many work-items there are but TornadoVM's own analysis.
  @Test
  void tasksNeedNoWorkerGrid() throws TornadoExecutionPlanException {
    TaskGraph graph =
        new TaskGraph("loop")
            .transferToDevice(DataTransferMode.EVERY_EXECUTION, engine.x)
            .task("twice", Engine::twiceInLoop, engine.x, Engine.SIZE)
            .transferToHost(DataTransferMode.EVERY_EXECUTION, engine.x);
    engine.x.init(1f);
    try (TornadoExecutionPlan plan = new TornadoExecutionPlan(graph.snapshot())) {
      plan.execute();
      try (GraphReplay replay = GraphReplay.of(plan)) {
        replay.run();
      }
    }
    assertThat(engine.x.toHeapArray()).containsOnly(4f);
  }

  @Test
  void whatIsTransferredUnderDemandStaysACallOfThePlan() throws TornadoExecutionPlanException {
    engine.grid.addWorkerGrid("demand.twice", new WorkerGrid1D(Engine.SIZE));
    TaskGraph graph =
        new TaskGraph("demand")
            .transferToDevice(DataTransferMode.EVERY_EXECUTION, engine.x)
            .task(
                "twice", Engine::twice, new uk.ac.manchester.tornado.api.KernelContext(), engine.x)
            .transferToHost(DataTransferMode.UNDER_DEMAND, engine.x);
    engine.x.init(1f);
    try (TornadoExecutionPlan plan = new TornadoExecutionPlan(graph.snapshot())) {
      TornadoExecutionResult result = plan.withGridScheduler(engine.grid).execute();
      try (GraphReplay replay = GraphReplay.of(plan)) {
        engine.x.init(5f);
        replay.run();
        assertThat(engine.x.get(3)).isEqualTo(5f);
        result.transferToHost(engine.x);
        assertThat(engine.x.get(3)).isEqualTo(10f);
      }
    }
  }
}
