package dev.tornadomoe.contract;

import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Phase;
import dev.tornadomoe.plan.Step;
import java.util.EnumSet;
import java.util.Set;

/// What a plan needs that a backend may be unable to give by design: code of the user's own can't
/// run on a device, say.
public enum Need {
  /// A step that is a function of the user's own, but for those with which ends that are not local
  /// send rows and receive them: what is around the experts is on the host then.
  HOST_STEP("step \""),
  /// Rows dispatched to their experts.
  BATCHED_FORMAT("step \"dispatch\""),
  /// A routing function of the user's own.
  ROUTING_FUNCTION("routing function");

  private final String words;

  Need(String words) {
    this.words = words;
  }

  /// What a sentence that refuses it says of it.
  String words() {
    return words;
  }

  /// All that a plan needs.
  static Set<Need> of(MoePlan plan) {
    Set<Need> needs = EnumSet.noneOf(Need.class);
    for (BucketPlan bucket : plan.buckets()) {
      for (Step step : bucket.steps()) {
        Router router = plan.layers().get(step.layer()).router();
        switch (step.operation()) {
          case CustomOperation custom
              when plan.modularMoe(step.layer()).prepareAndFinalize().isLocal()
                  || step.phase() == Phase.EXPERTS ->
              needs.add(HOST_STEP);
          case RouteOperation.Dispatch dispatch -> needs.add(BATCHED_FORMAT);
          case RouteOperation.SelectExperts select
              when router != null && router.gating() instanceof CustomGating ->
              needs.add(ROUTING_FUNCTION);
          default -> {}
        }
      }
    }
    return needs;
  }
}
