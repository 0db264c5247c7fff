package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Phase;
import dev.tornadomoe.plan.Step;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// What of a plan has no kernel on any device, and the sentence that says so.
public final class UnsupportedSteps {
  private UnsupportedSteps() {}

  /// A sentence for each, in alphabetical order.
  public static List<String> of(MoePlan plan) {
    return takesRowsOfOthers(plan)
        ? aroundExperts(plan)
        : sentences(plan, (layer, step) -> of(layer, step.operation()));
  }

  /// Whether rows of other processes come in: the device then has the routed experts alone.
  public static boolean takesRowsOfOthers(MoePlan plan) {
    for (int place = 0; place < plan.layers().size(); place++) {
      if (!plan.pieces(place).prepareAndFinalize().isLocal()) {
        return true;
      }
    }
    return false;
  }

  /// The same where a device has the routed experts and nothing else.
  public static List<String> aroundExperts(MoePlan plan) {
    return sentences(plan, UnsupportedSteps::aroundExperts);
  }

  /// Why a step can't run, or null.
  @FunctionalInterface
  private interface Check {
    @Nullable String refusal(MoeLayer layer, Step step);
  }

  private static List<String> sentences(MoePlan plan, Check check) {
    Set<String> sentences = new TreeSet<>();
    for (BucketPlan bucket : plan.buckets()) {
      for (Step step : bucket.steps()) {
        String sentence = check.refusal(plan.layers().get(step.layer()), step);
        if (sentence != null) {
          sentences.add(sentence);
        }
      }
    }
    return List.copyOf(sentences);
  }

  private static @Nullable String aroundExperts(MoeLayer layer, Step step) {
    boolean isForeign =
        switch (step.operation()) {
          case ExpertOperation.GateUp op -> true;
          case ReduceOperation.DownReduce op -> true;
          case ExpertOperation.BatchedGateUp op -> true;
          case ExpertOperation.BatchedDown op -> true;
          case CustomOperation op -> step.phase() == Phase.EXPERTS;
          default -> false;
        };
    return isForeign
        ? String.format(
            Locale.ROOT,
            "layer %d: step \"%s\" can't run on a device that gets rows of other processes; experts \"unreduced\" can, and backends cpu and reference run it",
            layer.index(),
            step.operation().name())
        : null;
  }

  /// Why a step of a layer can't run, or null for one that can.
  static @Nullable String of(MoeLayer layer, Operation operation) {
    return switch (operation) {
      case RouteOperation.SelectExperts select when isOwnFunction(layer.router()) ->
          String.format(
              Locale.ROOT,
              "layer %d: a routing function of the user's own can't run on a device; give ids and weights (callerRoutes)",
              layer.index());
      case RouteOperation.Dispatch op -> step(layer, op);
      case ExpertOperation.BatchedGateUp op -> step(layer, op);
      case ExpertOperation.BatchedDown op -> step(layer, op);
      case ReduceOperation.BatchedReduce op -> step(layer, op);
      case CustomOperation op -> step(layer, op);
      default -> null;
    };
  }

  private static boolean isOwnFunction(@Nullable Router router) {
    return router != null && router.gating() instanceof CustomGating;
  }

  private static String step(MoeLayer layer, Operation operation) {
    return String.format(
        Locale.ROOT,
        "layer %d: step \"%s\" can't run on a device; backends cpu and reference run it",
        layer.index(),
        operation.name());
  }
}
