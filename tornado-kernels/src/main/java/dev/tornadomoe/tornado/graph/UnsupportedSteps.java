package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.OffloadOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.modular.TopKWeightAndReduce;
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
        : sentences(plan, UnsupportedSteps::refusal);
  }

  /// Whether rows of other processes come in: the device then has the routed experts alone.
  public static boolean takesRowsOfOthers(MoePlan plan) {
    for (int layerIndex = 0; layerIndex < plan.layers().size(); layerIndex++) {
      if (!plan.modularMoe(layerIndex).prepareAndFinalize().isLocal()) {
        return true;
      }
    }
    return false;
  }

  /// The same where a device has the routed experts and nothing else.
  public static List<String> aroundExperts(MoePlan plan) {
    return sentences(
        plan,
        sumsRowsOfOthers(plan) ? UnsupportedSteps::besideSums : UnsupportedSteps::besidePairs);
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

  /// Whether rows of other processes come in and nothing is left to sum of what the experts make of
  /// one, so that a device can sum it.
  public static boolean sumsRowsOfOthers(MoePlan plan) {
    for (int layerIndex = 0; layerIndex < plan.layers().size(); layerIndex++) {
      if (!(plan.modularMoe(layerIndex).reduce() instanceof TopKWeightAndReduce.NoOp)) {
        return false;
      }
    }
    return takesRowsOfOthers(plan);
  }

  private static @Nullable String besidePairs(MoeLayer layer, Step step) {
    boolean isForeign =
        switch (step.operation()) {
          case ExpertOperation.GateUp op -> true;
          case ExpertOperation.BatchedGateUp op -> true;
          case ExpertOperation.BatchedDown op -> true;
          case ReduceOperation.DownReduce op -> true;
          case OffloadOperation op -> true;
          case CustomOperation op -> step.phase() == Phase.EXPERTS;
          case ExpertOperation.GroupedGateUp op -> false;
          case ExpertOperation.GroupedDown op -> false;
          case ReduceOperation.Reduce op -> false;
          case ReduceOperation.ReduceNorm op -> false;
          case ReduceOperation.BatchedReduce op -> false;
          case RowOperation op -> false;
          case RouteOperation op -> false;
          case DenseOperation op -> false;
        };
    return sentence(isForeign, layer, step);
  }

  /// Of the experts' steps the device does those of gate, up, down and sum at once.
  private static @Nullable String besideSums(MoeLayer layer, Step step) {
    boolean isOfSums =
        switch (step.operation()) {
          case ExpertOperation.GateUp op -> true;
          case ExpertOperation.GroupedGateUp op -> true;
          case ExpertOperation.GroupedDown op -> true;
          case ReduceOperation.Finishing op -> op.target().equals(Operand.FUSED_OUT);
          case RouteOperation op -> true;
          case ExpertOperation.BatchedGateUp op -> false;
          case ExpertOperation.BatchedDown op -> false;
          case ReduceOperation.ReduceNorm op -> false;
          case ReduceOperation.BatchedReduce op -> false;
          case OffloadOperation op -> false;
          case CustomOperation op -> false;
          case RowOperation op -> false;
          case DenseOperation op -> false;
        };
    return sentence(step.phase() == Phase.EXPERTS && !isOfSums, layer, step);
  }

  private static @Nullable String sentence(boolean isForeign, MoeLayer layer, Step step) {
    return isForeign
        ? String.format(
            Locale.ROOT,
            "layer %d: step \"%s\" can't run on a device that gets rows of other processes; experts"
                + " \"unreduced\" and \"fused\" can, and backends cpu and reference run it",
            layer.index(),
            step.operation().name())
        : null;
  }

  private static @Nullable String refusal(MoeLayer layer, Step step) {
    return LayerCalls.step(layer, step.operation()) instanceof DeviceStep.Refusal refusal
        ? refusal.sentence()
        : null;
  }
}
