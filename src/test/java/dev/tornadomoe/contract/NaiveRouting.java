package dev.tornadomoe.contract;

import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SparseMixer;
import dev.tornadomoe.layer.TopKGating;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/// Routing from its definition: score, restrict, sort, take, weigh.
final class NaiveRouting {

  /// One token's experts.
  record Choice(int[] ids, double[] weights) {}

  private NaiveRouting() {}

  static Choice choose(Router router, double[] logits) {
    return switch (router.gating()) {
      case TopKGating gating -> topK(gating, router, logits);
      case SparseMixer mixer -> sparseMixer(mixer.jitter(), logits);
      case CustomGating custom -> custom(custom, logits);
    };
  }

  private static Choice topK(TopKGating gating, Router router, double[] logits) {
    double[] scores =
        switch (gating.scoring()) {
          case SOFTMAX -> softmax(logits);
          case SIGMOID ->
              IntStream.range(0, logits.length)
                  .mapToDouble(e -> NaiveMoe.sigmoid(logits[e]))
                  .toArray();
          case SOFTMAX_OF_SELECTED, SIGMOID_OF_SELECTED -> logits.clone();
        };
    float[] bias =
        router.correctionBias() == null
            ? new float[logits.length]
            : router.correctionBias().toFloats();
    List<Integer> candidates = new ArrayList<>(IntStream.range(0, logits.length).boxed().toList());
    if (gating.groups() != null) {
      candidates.retainAll(inBestGroups(gating.groups(), scores, bias));
    }
    candidates.sort(
        Comparator.comparingDouble((Integer e) -> -(scores[e] + bias[e])).thenComparingInt(e -> e));
    int[] ids = candidates.stream().limit(gating.topK()).mapToInt(e -> e).toArray();
    double[] chosen = IntStream.of(ids).mapToDouble(e -> scores[e]).toArray();
    double[] weights =
        switch (gating.scoring()) {
          case SOFTMAX_OF_SELECTED -> softmax(chosen);
          case SIGMOID_OF_SELECTED ->
              IntStream.range(0, ids.length)
                  .mapToDouble(s -> NaiveMoe.sigmoid(chosen[s]))
                  .toArray();
          case SOFTMAX, SIGMOID -> chosen;
        };
    double sum = IntStream.range(0, ids.length).mapToDouble(s -> weights[s]).sum();
    for (int s = 0; s < ids.length; s++) {
      weights[s] =
          weights[s] / (gating.renormalise() ? sum + gating.epsilon() : 1) * gating.scale();
    }
    return new Choice(ids, weights);
  }

  private static List<Integer> inBestGroups(
      TopKGating.Groups groups, double[] scores, float[] bias) {
    int size = scores.length / groups.count();
    List<Integer> order = new ArrayList<>(IntStream.range(0, groups.count()).boxed().toList());
    order.sort(
        Comparator.comparingDouble(
                (Integer g) -> {
                  double[] sorted =
                      IntStream.range(g * size, (g + 1) * size)
                          .mapToDouble(e -> -(scores[e] + bias[e]))
                          .sorted()
                          .toArray();
                  return groups.score() == TopKGating.GroupScore.MAX
                      ? sorted[0]
                      : sorted[0] + sorted[1];
                })
            .thenComparingInt(g -> g));
    return order.stream()
        .limit(groups.kept())
        .flatMap(g -> IntStream.range(g * size, (g + 1) * size).boxed())
        .toList();
  }

  private static Choice sparseMixer(double jitter, double[] s) {
    int first = argmax(s, -1);
    int second = argmax(s, first);
    return new Choice(
        new int[] {first, second},
        new double[] {share(s, first, -1, jitter), share(s, second, first, jitter)});
  }

  private static int argmax(double[] s, int without) {
    return IntStream.range(0, s.length)
        .filter(e -> e != without)
        .boxed()
        .max(Comparator.comparingDouble((Integer e) -> s[e]).thenComparingInt(e -> -e))
        .orElseThrow();
  }

  private static double share(double[] s, int best, int without, double jitter) {
    double sum =
        IntStream.range(0, s.length)
            .filter(e -> e != without)
            .filter(e -> !((s[best] - s[e]) / Math.max(Math.abs(s[e]), s[best]) > 2 * jitter))
            .mapToDouble(e -> Math.exp(s[e] - s[best]))
            .sum();
    return 1 / sum;
  }

  private static Choice custom(CustomGating gating, double[] logits) {
    float[] floats = new float[logits.length];
    for (int e = 0; e < floats.length; e++) {
      floats[e] = (float) logits[e];
    }
    int[] ids = new int[gating.topK()];
    float[] weights = new float[gating.topK()];
    gating.function().route(floats, ids, weights);
    return new Choice(ids, IntStream.range(0, ids.length).mapToDouble(s -> weights[s]).toArray());
  }

  private static double[] softmax(double[] values) {
    double max = IntStream.range(0, values.length).mapToDouble(i -> values[i]).max().orElseThrow();
    double sum =
        IntStream.range(0, values.length).mapToDouble(i -> Math.exp(values[i] - max)).sum();
    return IntStream.range(0, values.length)
        .mapToDouble(i -> Math.exp(values[i] - max) / sum)
        .toArray();
  }
}
