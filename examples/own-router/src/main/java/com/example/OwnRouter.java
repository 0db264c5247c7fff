package com.example;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/// A router that never takes one expert (it is broken, say), in both ways that there are: the
/// library computes logits and a function chooses; or ids and weights come with each call.
///
///     examples/run own-router [DIR]
public final class OwnRouter {
  private static final int CLOSED = 0;

  private OwnRouter() {}

  public static void main(String[] arguments) {
    try (Checkpoint checkpoint = Checkpoint.open(Path.of(arguments[0]));
        Arena arena = Arena.ofShared()) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      float[] hidden = new float[layer.hidden()];
      for (int i = 0; i < hidden.length; i++) {
        hidden[i] = i % 13 / 6f - 1;
      }
      Router router = layer.router();
      if (router == null) {
        throw new IllegalStateException("the layer has no router");
      }

      Router mine =
          new Router(
              router.weight(), null, null, new CustomGating(layer.topK(), OwnRouter::choose));
      MoeLayer routed = MoeLayer.of(0, mine, layer.experts(), layer.shared());
      float[] first = new float[hidden.length];
      MoePlan plan = Planner.builder().maxTokens(1).build().plan(routed);
      try (Session session = Backends.auto().prepare(plan)) {
        session.run(MemorySegment.ofArray(hidden), 1, MemorySegment.ofArray(first));
      }

      int[] ids = new int[layer.topK()];
      float[] weights = new float[layer.topK()];
      choose(logits(router.weight().load(arena), hidden), ids, weights);
      float[] second = new float[hidden.length];
      MoePlan given = Planner.builder().maxTokens(1).callerRoutes(true).build().plan(layer);
      try (Session session = Backends.auto().prepare(given)) {
        session.run(
            new MoeCall()
                .hidden(MemorySegment.ofArray(hidden), 1)
                .routing(MemorySegment.ofArray(ids), MemorySegment.ofArray(weights)) // [M, k] each
                .output(MemorySegment.ofArray(second)));
      }

      for (int i = 0; i < first.length; i++) {
        if (!(Math.abs(first[i] - second[i]) <= 1e-5)) {
          throw new IllegalStateException("element " + i + ": " + first[i] + ", " + second[i]);
        }
      }
      System.out.printf(
          Locale.ROOT,
          "experts %s with weights %s, never expert %d: both agree%n",
          Arrays.toString(ids),
          Arrays.toString(weights),
          CLOSED);
    }
  }

  /// The best experts but for the closed one, by softmax over those that are chosen.
  private static void choose(float[] logits, int[] ids, float[] weights) {
    boolean[] taken = new boolean[logits.length];
    taken[CLOSED] = true;
    float sum = 0;
    for (int k = 0; k < ids.length; k++) {
      int best = -1;
      for (int e = 0; e < logits.length; e++) {
        if (!taken[e] && (best < 0 || logits[e] > logits[best])) {
          best = e;
        }
      }
      taken[best] = true;
      ids[k] = best;
      weights[k] = (float) Math.exp(logits[best] - logits[ids[0]]);
      sum += weights[k];
    }
    for (int k = 0; k < ids.length; k++) {
      weights[k] /= sum;
    }
  }

  private static float[] logits(WeightMatrix router, float[] hidden) {
    float[] logits = new float[router.rows()];
    float[] row = new float[hidden.length];
    for (int e = 0; e < logits.length; e++) {
      router.decodeRow(e, row);
      for (int i = 0; i < row.length; i++) {
        logits[e] += row[i] * hidden[i];
      }
    }
    return logits;
  }
}
