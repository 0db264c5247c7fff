package com.example;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// The decode loop of an engine that serves several sequences: a thread for each, and a fork of one
/// session for each thread. Weights are in memory once, and all give the same bits.
///
///     examples/run decode-loop [DIR]
public final class DecodeLoop {
  private static final int THREADS = 4;
  private static final int STEPS = 200;

  private DecodeLoop() {}

  public static void main(String[] arguments) throws InterruptedException, ExecutionException {
    try (Checkpoint checkpoint = Checkpoint.open(Path.of(arguments[0]))) {
      MoeModel model = MoeModel.of(checkpoint);
      List<MoeLayer> layers = model.layerIndices().stream().map(model::layer).toList();
      MoePlan plan =
          Planner.builder()
              .maxTokens(1)
              .residual(Residual.IN_OUTPUT) // x = x + moe(normed)
              .requireAlias(true)
              .build()
              .plan(layers);
      try (Session session = Backends.auto().prepare(plan);
          ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
        float[] expected = decode(session);
        List<Callable<float[]>> sequences = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
          sequences.add(() -> {
            try (Session mine = session.fork()) {
              return decode(mine);
            }
          });
        }
        for (Future<float[]> sequence : threads.invokeAll(sequences)) {
          if (!Arrays.equals(sequence.get(), expected)) {
            throw new IllegalStateException("a thread got other bits");
          }
        }
        System.out.printf(
            Locale.ROOT,
            "%d threads, %d steps of %d layers each: the same bits, %d copies%n",
            THREADS,
            STEPS,
            layers.size(),
            session.copies());
      }
    }
  }

  /// Steps of one sequence. Attention would come before each norm.
  private static float[] decode(Session session) {
    int hidden = session.plan().layers().getFirst().hidden();
    float[] x = new float[hidden];
    float[] normed = new float[hidden];
    MemorySegment residual = MemorySegment.ofArray(x);
    MemorySegment input = MemorySegment.ofArray(normed);
    MoeCall call = new MoeCall(); // used again and again: a call allocates nothing
    for (int step = 0; step < STEPS; step++) {
      for (int i = 0; i < hidden; i++) {
        x[i] = (step * 31 + i) % 17 / 8f - 1; // the embedding of this step's token
      }
      for (int place = 0; place < session.plan().layers().size(); place++) {
        norm(x, normed);
        session.run(call.layer(place).hidden(input, 1).output(residual));
      }
    }
    return x;
  }

  private static void norm(float[] x, float[] normed) {
    double squares = 0;
    for (float value : x) {
      squares += value * value;
    }
    for (int i = 0; i < x.length; i++) {
      normed[i] = (float) (x[i] / Math.sqrt(squares / x.length + 1e-6));
    }
  }
}
