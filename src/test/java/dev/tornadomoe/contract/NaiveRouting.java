package dev.tornadomoe.contract;

import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SparseMixer;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.TopKGating;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/// Routing from its definition, in F32: score, restrict, sort, take, weigh.
final class NaiveRouting {

  /// One token's experts.
  record Choice(int[] ids, double[] weights) {}

  private NaiveRouting() {}

  /// @param key what the gating asks of the token beside its logits, where it asks something
  static Choice choose(Router router, double[] exact, int key) {
    float[] logits = new float[exact.length];
    for (int e = 0; e < logits.length; e++) {
      logits[e] = (float) exact[e];
    }
    return switch (router.gating()) {
      case TopKGating gating -> topK(gating, router, logits, null);
      case TableGating table -> topK(table.scores(), router, logits, row(table, key));
      case SparseMixer mixer -> sparseMixer(mixer.jitter(), logits);
      case CustomGating custom -> custom(custom, logits);
    };
  }

  private static int[] row(TableGating gating, int token) {
    int[] row = new int[gating.topK()];
    for (int s = 0; s < row.length; s++) {
      row[s] = (int) gating.table().at(token).getLong(s);
    }
    return row;
  }

  /// @param given what is chosen whatever the scores, or null
  private static Choice topK(TopKGating gating, Router router, float[] logits, int[] given) {
    float[] scores =
        switch (gating.scoring()) {
          case SOFTMAX -> softmax(logits);
          case SIGMOID -> sigmoids(logits);
          case SQRT_SOFTPLUS -> rootsOfSoftplus(logits);
          case SOFTMAX_OF_SELECTED, SIGMOID_OF_SELECTED -> logits;
        };
    float[] choice = scores.clone();
    if (router.correctionBias() != null) {
      float[] bias = router.correctionBias().toFloats();
      for (int e = 0; e < bias.length; e++) {
        choice[e] += bias[e];
      }
    }
    int optional = logits.length - gating.always();
    List<Integer> candidates = new ArrayList<>(IntStream.range(0, optional).boxed().toList());
    if (gating.groups() != null) {
      List<Integer> kept = inBestGroups(gating.groups(), choice);
      if (gating.groups().zeroed()) {
        candidates.stream().filter(e -> !kept.contains(e)).forEach(e -> choice[e] = 0);
      } else {
        candidates.retainAll(kept);
      }
    }
    candidates.sort(highestFirst(choice));
    int[] ids =
        given != null
            ? given
            : IntStream.concat(
                    IntStream.range(optional, logits.length),
                    candidates.stream().limit(gating.topK() - gating.always()).mapToInt(e -> e))
                .toArray();
    float[] chosen = new float[ids.length];
    for (int s = 0; s < ids.length; s++) {
      chosen[s] = scores[ids[s]];
    }
    float[] weights =
        switch (gating.scoring()) {
          case SOFTMAX_OF_SELECTED -> softmax(chosen);
          case SIGMOID_OF_SELECTED -> sigmoids(chosen);
          case SOFTMAX, SIGMOID, SQRT_SOFTPLUS -> chosen;
        };
    double sum =
        Math.pow(
            IntStream.range(0, ids.length)
                .mapToDouble(s -> Math.pow(weights[s], gating.norm()))
                .sum(),
            1.0 / gating.norm());
    double divisor = 1;
    if (gating.renormalise()) {
      divisor =
          sum + gating.epsilon() < gating.leastSum() ? gating.leastSum() : sum + gating.epsilon();
    }
    double[] scaled = new double[ids.length];
    for (int s = 0; s < ids.length; s++) {
      double own = router.expertScale() == null ? 1 : router.expertScale().toFloats()[ids[s]];
      scaled[s] = weights[s] / divisor * gating.scale() * own;
    }
    return new Choice(ids, scaled);
  }

  /// NaN first, as Java sorts it, then the highest; of equal ones the lower index. (Adding 0 makes
  /// one zero of two.)
  private static Comparator<Integer> highestFirst(float[] values) {
    Comparator<Integer> lowestFirst = (a, b) -> Float.compare(values[a] + 0f, values[b] + 0f);
    return lowestFirst.reversed().thenComparing(Comparator.naturalOrder());
  }

  private static List<Integer> inBestGroups(TopKGating.Groups groups, float[] choice) {
    int size = choice.length / groups.count();
    float[] scores = new float[groups.count()];
    for (int g = 0; g < scores.length; g++) {
      List<Float> best = new ArrayList<>();
      for (int e = g * size; e < (g + 1) * size; e++) {
        best.add(choice[e]);
      }
      best.sort(Collections.reverseOrder());
      scores[g] =
          groups.score() == TopKGating.GroupScore.MAX ? best.get(0) : best.get(0) + best.get(1);
    }
    return IntStream.range(0, groups.count())
        .boxed()
        .sorted(highestFirst(scores))
        .limit(groups.kept())
        .flatMap(g -> IntStream.range(g * size, (g + 1) * size).boxed())
        .toList();
  }

  private static Choice sparseMixer(float jitter, float[] s) {
    List<Integer> order = IntStream.range(0, s.length).boxed().sorted(highestFirst(s)).toList();
    int first = order.get(0);
    int second = order.get(1);
    return new Choice(
        new int[] {first, second},
        new double[] {share(s, first, -1, jitter), share(s, second, first, jitter)});
  }

  private static double share(float[] s, int best, int without, float jitter) {
    double sum =
        IntStream.range(0, s.length)
            .filter(e -> e != without)
            .filter(e -> !((s[best] - s[e]) / Math.max(Math.abs(s[e]), s[best]) > 2 * jitter))
            .mapToDouble(e -> Math.exp(s[e] - s[best]))
            .sum();
    return 1 / sum;
  }

  private static Choice custom(CustomGating gating, float[] logits) {
    int[] ids = new int[gating.topK()];
    float[] weights = new float[gating.topK()];
    gating.function().route(logits, ids, weights);
    return new Choice(ids, IntStream.range(0, ids.length).mapToDouble(s -> weights[s]).toArray());
  }

  private static float[] sigmoids(float[] logits) {
    float[] scores = new float[logits.length];
    for (int e = 0; e < scores.length; e++) {
      float exponential = (float) Math.exp(-logits[e]);
      scores[e] = 1f / (1f + exponential);
    }
    return scores;
  }

  private static float[] rootsOfSoftplus(float[] logits) {
    float[] scores = new float[logits.length];
    for (int e = 0; e < scores.length; e++) {
      double x = logits[e];
      // torch's softplus is the identity above 20.
      scores[e] = (float) Math.sqrt(x > 20 ? x : Math.log1p(Math.exp(x)));
    }
    return scores;
  }

  private static float[] softmax(float[] values) {
    double max = IntStream.range(0, values.length).mapToDouble(i -> values[i]).max().orElseThrow();
    float[] exponentials = new float[values.length];
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      exponentials[i] = (float) Math.exp(values[i] - (float) max);
      sum += exponentials[i];
    }
    float[] scores = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      scores[i] = exponentials[i] / (float) sum;
    }
    return scores;
  }
}
