package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Operand;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// A bucket's plan with one thing made wrong.
final class PlanMutant {
  private PlanMutant() {}

  /// The buffer of an operand somewhere else, under all of its names.
  static BucketPlan moved(BucketPlan plan, int layer, Operand operand, Buffer.Location to) {
    Buffer old = plan.buffer(layer, operand);
    Buffer moved =
        new Buffer(
            old.id(), old.layer(), old.operand(), old.dtype(), old.shape(), old.rowStride(), to);
    List<Map<Operand, Buffer>> bindings = new ArrayList<>();
    for (Map<Operand, Buffer> bound : plan.bindings()) {
      Map<Operand, Buffer> changed = new HashMap<>(bound);
      changed.replaceAll((name, buffer) -> buffer.id() == old.id() ? moved : buffer);
      bindings.add(changed);
    }
    List<Buffer> buffers = new ArrayList<>(plan.buffers());
    buffers.set(old.id(), moved);
    return of(plan, plan.steps(), buffers, bindings);
  }

  /// Without one step.
  static BucketPlan without(BucketPlan plan, String operation) {
    List<Step> steps = new ArrayList<>(plan.steps());
    steps.remove(step(plan, operation));
    return of(plan, renumbered(steps), plan.buffers(), plan.bindings());
  }

  /// With two steps in each other's place.
  static BucketPlan swapped(BucketPlan plan, String one, String other) {
    List<Step> steps = new ArrayList<>(plan.steps());
    int i = steps.indexOf(step(plan, one));
    int j = steps.indexOf(step(plan, other));
    steps.set(i, plan.steps().get(j));
    steps.set(j, plan.steps().get(i));
    return of(plan, renumbered(steps), plan.buffers(), plan.bindings());
  }

  /// With one operand under another's buffer.
  static BucketPlan bound(BucketPlan plan, int layer, Operand operand, Buffer to) {
    List<Map<Operand, Buffer>> bindings = new ArrayList<>(plan.bindings());
    Map<Operand, Buffer> changed = new HashMap<>(bindings.get(layer));
    changed.put(operand, to);
    bindings.set(layer, changed);
    return of(plan, plan.steps(), plan.buffers(), bindings);
  }

  /// With a workspace of another size.
  static BucketPlan workspace(BucketPlan plan, long bytes) {
    return new BucketPlan(
        plan.minTokens(),
        plan.maxTokens(),
        plan.steps(),
        plan.buffers(),
        plan.bindings(),
        plan.decisions(),
        bytes,
        plan.baseline());
  }

  private static Step step(BucketPlan plan, String operation) {
    return plan.steps().stream()
        .filter(step -> step.operation().name().equals(operation))
        .findFirst()
        .orElseThrow();
  }

  private static List<Step> renumbered(List<Step> steps) {
    List<Step> renumbered = new ArrayList<>();
    for (Step step : steps) {
      renumbered.add(new Step(renumbered.size(), step.layer(), step.phase(), step.operation()));
    }
    return renumbered;
  }

  private static BucketPlan of(
      BucketPlan plan,
      List<Step> steps,
      List<Buffer> buffers,
      List<Map<Operand, Buffer>> bindings) {
    return new BucketPlan(
        plan.minTokens(),
        plan.maxTokens(),
        steps,
        buffers,
        bindings,
        plan.decisions(),
        plan.workspaceBytes(),
        plan.baseline());
  }
}
