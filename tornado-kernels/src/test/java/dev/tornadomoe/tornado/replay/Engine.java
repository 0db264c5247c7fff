package dev.tornadomoe.tornado.replay;

import dev.tornadomoe.backend.Backends;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// A small engine's step, `x = x * scale + steps[0]` and then doubled, as a plan of two graphs that
/// hand over on the device.
final class Engine {
  static final int SIZE = 64;

  static {
    // TornadoVM reads its settings when it loads, and other tests of this JVM need ours.
    Backends.require("tornado");
  }

  final FloatArray x = new FloatArray(SIZE);
  final FloatArray scale = FloatArray.fromElements(3f);
  final IntArray step = new IntArray(1);
  final GridScheduler grid = new GridScheduler();
  private final KernelContext context = new KernelContext();

  /// `x = x * scale + step`
  public static void scale(KernelContext context, FloatArray x, FloatArray scale, IntArray step) {
    x.set(context.globalIdx, x.get(context.globalIdx) * scale.get(0) + step.get(0));
  }

  /// `x = 2 x`
  public static void twice(KernelContext context, FloatArray x) {
    x.set(context.globalIdx, 2 * x.get(context.globalIdx));
  }

  /// `x = 2 x` for the first so many.
  public static void twiceInLoop(FloatArray x, int count) {
    for (@Parallel int i = 0; i < count; i++) {
      x.set(i, 2 * x.get(i));
    }
  }

  TaskGraph first() {
    grid.addWorkerGrid("first.scale", new WorkerGrid1D(SIZE));
    return new TaskGraph("first")
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, x, step)
        .transferToDevice(DataTransferMode.FIRST_EXECUTION, scale)
        .task("scale", Engine::scale, context, x, scale, step)
        .persistOnDevice(x);
  }

  TaskGraph second() {
    WorkerGrid1D groups = new WorkerGrid1D(SIZE);
    groups.setLocalWork(16, 1, 1);
    grid.addWorkerGrid("second.twice", groups);
    return new TaskGraph("second")
        .consumeFromDevice("first", x)
        .task("twice", Engine::twice, context, x)
        .transferToHost(DataTransferMode.EVERY_EXECUTION, x);
  }

  /// Both graphs, not yet executed.
  TornadoExecutionPlan plan() {
    return new TornadoExecutionPlan(first().snapshot(), second().snapshot())
        .withGridScheduler(grid);
  }

  static void execute(TornadoExecutionPlan plan) {
    plan.withGraph(0).execute();
    plan.withGraph(1).execute();
  }

  /// Gives the next step its input.
  void set(int number) {
    step.set(0, number);
    for (int i = 0; i < SIZE; i++) {
      x.set(i, i + number / 8f);
    }
  }

  /// What a step makes of it, computed by itself.
  static float[] expected(int number) {
    float[] values = new float[SIZE];
    for (int i = 0; i < SIZE; i++) {
      values[i] = 2 * ((i + number / 8f) * 3 + number);
    }
    return values;
  }
}
