package dev.tornadomoe.plan.explain;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.ExpertSide;
import dev.tornadomoe.modular.Travel;
import dev.tornadomoe.plan.AliasDecision;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.Buffer;
import dev.tornadomoe.plan.Liveness;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.plan.Step;
import dev.tornadomoe.tensor.text.ByteSize;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// The explanation for people. Layers that are planned alike are described once.
final class ExplainText {
  private final Explanation explanation;
  private final MoePlan plan;
  private final BucketPlan bucket;
  private final boolean uniform;
  private final StringBuilder text = new StringBuilder();

  ExplainText(Explanation explanation) {
    this.explanation = explanation;
    this.plan = explanation.plan();
    this.bucket = explanation.bucket();
    this.uniform = explanation.isUniform();
  }

  String render() {
    heading();
    figures();
    memory();
    for (Explanation.Run run : explanation.runs()) {
      layer(run);
    }
    otherBuckets();
    return text.toString();
  }

  private void heading() {
    List<MoeLayer> layers = plan.layers();
    line(
        String.format(
            Locale.ROOT,
            "MoE plan: %s, M = %d (%s, at most %d per call%s)",
            Explanation.count(layers.size(), "layer", "layers"),
            explanation.tokens(),
            explanation.plannedFor(),
            plan.options().maxTokens(),
            plan.options().chunkTokens() < plan.options().maxTokens()
                ? ", in chunks of " + plan.options().chunkTokens()
                : ""));
    if (explanation.tokens() > plan.options().chunkTokens()) {
      line(
          String.format(
              Locale.ROOT,
              "cut into %s; the steps below are a full chunk's",
              explanation.chunks()));
    }
    if (uniform) {
      line(explanation.model(0));
    }
    line("");
  }

  private void figures() {
    BucketPlan.Baseline before = bucket.baseline();
    text.append(
        new TextTable("  ", "lrr")
            .row("per step, all layers", "before", "after")
            .row(
                "copies fused_out -> output",
                count(explanation.copiesPerStepBefore()),
                count(explanation.copiesPerStep()))
            .row(
                "bytes copied",
                ByteSize.format(explanation.copiedBytesBefore()),
                ByteSize.format(explanation.copiedBytes()))
            .row("operations", count(before.steps()), count(bucket.steps().size()))
            .row(
                "workspace",
                ByteSize.format(before.workspaceBytes()),
                ByteSize.format(bucket.workspaceBytes()))
            .render());
    line("");
  }

  private void memory() {
    SessionMemory memory = explanation.memory();
    if (memory == null) {
      return;
    }
    TextTable table = new TextTable("  ", "lrr");
    table.row(
        String.format(Locale.ROOT, "a session on backend \"%s\"", explanation.backend()),
        "host",
        "device");
    memory
        .parts()
        .forEach((part, bytes) ->
            table.row(part, ByteSize.format(bytes.host()), ByteSize.format(bytes.device())));
    text.append(table.render());
    line("");
  }

  private void layer(Explanation.Run run) {
    int layer = run.first();
    AliasDecision decision = bucket.decisions().get(layer);
    line(
        explanation.name(run)
            + (run.first() == run.last() ? "" : ", all alike")
            + ": experts \""
            + plan.modularMoe(layer).experts().name()
            + "\", prepare/finalize \""
            + plan.modularMoe(layer).prepareAndFinalize().name()
            + "\"");
    if (!uniform) {
      line("  " + explanation.model(layer));
    }
    line(
        decision.aliased()
            ? "  fused_out is output, the same memory"
            : "  fused_out is not output");
    for (AliasDecision.Reason reason : decision.reasons()) {
      line("    " + reason);
    }
    line("");
    sides(layer);
    explanation.remark(layer).ifPresent(this::remark);
    travel(layer);
    text.append(steps(layer).render());
    line("");
    text.append(buffers(layer).render());
    line("");
  }

  private void sides(int layer) {
    List<ExpertSide> sides = explanation.sides(layer);
    if (sides.isEmpty()) {
      return;
    }
    TextTable table = new TextTable("  ", "lrrr");
    table.row("experts on", "number", "weights", "expected share of pairs");
    for (ExpertSide side : sides) {
      table.row(
          side.name(),
          count(side.experts()),
          ByteSize.format(side.weightBytes()),
          String.format(Locale.ROOT, "%.1f %%", 100 * side.share()));
    }
    text.append(table.render());
    line("");
  }

  private void remark(String sentence) {
    line("  " + sentence);
    line("");
  }

  private void travel(int layer) {
    List<Travel> ways = explanation.travel(layer);
    if (ways.isEmpty()) {
      return;
    }
    TextTable table = new TextTable("  ", "lrr");
    table.row(
        "bytes that all processes send, each choice of experts as likely", "to experts", "back");
    for (Travel travel : ways) {
      table.row(
          travel.way() + (travel.used() ? " (used)" : ""),
          ByteSize.format(travel.dispatchBytes()),
          ByteSize.format(travel.combineBytes()));
    }
    text.append(table.render());
    line("");
  }

  private TextTable steps(int layer) {
    TextTable table = new TextTable("  ", "rllll");
    table.row("step", "phase", "operation", "reads", "writes");
    for (Step step : bucket.stepsOf(layer)) {
      table.row(
          Integer.toString(step.index()),
          step.phase().name().toLowerCase(Locale.ROOT),
          step.operation().name(),
          String.join(", ", explanation.operands(step, Access::reads)),
          String.join(", ", explanation.operands(step, Access::writes)));
    }
    return table;
  }

  private TextTable buffers(int layer) {
    TextTable table = new TextTable("  ", "llrll");
    table.row("buffer", "shape", "bytes", "steps", "place");
    for (Buffer buffer : explanation.buffers(layer)) {
      Liveness.Range life = explanation.life(buffer);
      table.row(
          explanation.names(layer, buffer),
          buffer.dtype() + " " + buffer.shape(),
          Long.toString(buffer.bytes()),
          life.first() + "-" + life.last(),
          switch (buffer.location()) {
            case Buffer.Slot slot ->
                String.format(Locale.ROOT, "workspace %d-%d", slot.offset(), slot.end());
            case Buffer.Caller caller -> "caller's " + caller.region();
          });
    }
    return table;
  }

  private void otherBuckets() {
    TextTable table = new TextTable("  ", "lrrrl");
    table.row("tokens", "copies before", "after", "workspace", "fused_out is output");
    for (BucketPlan other : plan.buckets()) {
      table.row(
          other.minTokens() == other.maxTokens()
              ? Integer.toString(other.minTokens())
              : other.minTokens() + "-" + other.maxTokens(),
          count(other.baseline().copies()),
          count(other.copies()),
          ByteSize.format(other.workspaceBytes()),
          other.decisions().stream()
              .map(decision -> decision.reason().name())
              .distinct()
              .collect(Collectors.joining(", ")));
    }
    line("all token counts:");
    text.append(table.render());
  }

  private static String count(long number) {
    return Long.toString(number);
  }

  private void line(String line) {
    text.append(line).append('\n');
  }
}
