package com.example;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tornado.TornadoMoe;
import dev.tornadomoe.tornado.replay.GraphSequence;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// The library's tasks between those of a program's own, in one task graph that is replayed: nothing
/// goes to the host in between.
///
///     examples/run own-graph [DIR]
public final class OwnGraph {
  private static final int STEPS = 100;

  private OwnGraph() {}

  /// A task of the program's own: `normed = x / 2`.
  public static void halve(KernelContext context, FloatArray x, FloatArray normed) {
    normed.set(context.globalIdx, x.get(context.globalIdx) * 0.5f);
  }

  /// Another one: `x += y`.
  public static void add(KernelContext context, FloatArray y, FloatArray x) {
    x.set(context.globalIdx, x.get(context.globalIdx) + y.get(context.globalIdx));
  }

  public static void main(String[] arguments) {
    try (Checkpoint checkpoint = Checkpoint.open(Path.of(arguments[0]))) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      MoePlan plan = Planner.builder().maxTokens(1).requireAlias(true).build().plan(layer);
      Backends.require("tornado"); // says what is missing, before a class of TornadoVM loads
      run(plan, layer.hidden());
    }
  }

  private static void run(MoePlan plan, int hidden) {
    try (TornadoMoe moe = TornadoMoe.of(plan)) {
      FloatArray x = new FloatArray(hidden);
      FloatArray normed = new FloatArray(hidden);
      FloatArray y = new FloatArray(hidden);
      KernelContext context = new KernelContext();
      GridScheduler grid = new GridScheduler();
      TaskGraph graph = new TaskGraph("step");
      graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, x);
      graph.task("halve", OwnGraph::halve, context, x, normed);
      grid.addWorkerGrid("step.halve", new WorkerGrid1D(hidden));
      moe.input(normed).output(y).appendTo(graph, grid);
      graph.task("add", OwnGraph::add, context, y, x);
      grid.addWorkerGrid("step.add", new WorkerGrid1D(hidden));
      graph.transferToHost(DataTransferMode.EVERY_EXECUTION, x);
      give(x, 0);
      // Compiles, uploads the weights, and executes once.
      try (GraphSequence step = GraphSequence.of(grid, List.of(graph.snapshot()));
          Session session = Backends.require("cpu").prepare(plan)) {
        for (int i = 0; i < STEPS; i++) {
          give(x, i);
          float[] before = x.toHeapArray();
          step.run();
          check(before, x.toHeapArray(), session);
        }
        System.out.printf(
            Locale.ROOT,
            "%d steps of %d tasks replayed, as on the CPU%n",
            STEPS,
            step.profile().size());
      }
    }
  }

  private static void give(FloatArray x, int step) {
    for (int i = 0; i < x.getSize(); i++) {
      x.set(i, (step * 31 + i) % 17 / 8f - 1);
    }
  }

  private static void check(float[] before, float[] found, Session session) {
    float[] normed = new float[before.length];
    float[] y = new float[before.length];
    for (int i = 0; i < before.length; i++) {
      normed[i] = before[i] * 0.5f;
    }
    session.run(MemorySegment.ofArray(normed), 1, MemorySegment.ofArray(y));
    for (int i = 0; i < before.length; i++) {
      float expected = before[i] + y[i];
      if (!(Math.abs(found[i] - expected) <= 1e-5f * Math.max(1, Math.abs(expected)))) {
        throw new IllegalStateException(
            "element " + i + " is " + found[i] + ", expected " + expected);
      }
    }
  }
}
