package dev.tornadomoe.plan.explain;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.plan.AliasDecision;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.Buffer;
import dev.tornadomoe.plan.Step;
import dev.tornadomoe.tensor.text.ByteSize;
import java.util.Locale;

/// The explanation as a Graphviz graph: operations as boxes, buffers as ellipses (the caller's
/// filled), an arrow for each read and write. Of layers that are planned alike the first is drawn.
final class ExplainDot {
  private final Explanation explanation;
  private final BucketPlan bucket;
  private final StringBuilder dot = new StringBuilder();

  ExplainDot(Explanation explanation) {
    this.explanation = explanation;
    this.bucket = explanation.bucket();
  }

  String render() {
    line("digraph moe {");
    line("  rankdir=LR;");
    line("  node [fontname=\"Helvetica\", fontsize=11];");
    line("  edge [color=\"#5f6b7a\"];");
    for (Explanation.Run run : explanation.runs()) {
      layer(run);
    }
    line("}");
    return dot.toString();
  }

  private void layer(Explanation.Run run) {
    int layer = run.first();
    AliasDecision decision = bucket.decisions().get(layer);
    line("  subgraph cluster_" + layer + " {");
    line(
        String.format(
            Locale.ROOT,
            "    label=%s;",
            quoted(
                explanation.name(run)
                    + (decision.aliased() ? ": aliased" : ": not aliased, ")
                    + (decision.aliased() ? "" : decision.reason()))));
    for (Buffer buffer : explanation.buffers(layer)) {
      line(
          String.format(
              Locale.ROOT,
              "    b%d [label=%s, shape=ellipse%s];",
              buffer.id(),
              quoted(
                  explanation.names(layer, buffer)
                      + "\n"
                      + ByteSize.format(buffer.bytes())
                      + (buffer.location() instanceof Buffer.Slot slot
                          ? " at " + slot.offset()
                          : "")),
              buffer.isCallers() ? ", style=filled, fillcolor=\"#dcefe3\"" : ""));
    }
    for (Step step : bucket.stepsOf(layer)) {
      boolean copy = step.isOutputCopy();
      line(
          String.format(
              Locale.ROOT,
              "    s%d [label=%s, shape=box, style=\"rounded%s\"];",
              step.index(),
              quoted(step.index() + " " + step.operation().name()),
              copy ? ",filled\", fillcolor=\"#dde5ee" : ""));
      for (Access access : step.operation().accesses()) {
        int id = bucket.buffer(layer, access.operand()).id();
        if (access.reads()) {
          line(String.format(Locale.ROOT, "    b%d -> s%d;", id, step.index()));
        }
        if (access.writes()) {
          line(String.format(Locale.ROOT, "    s%d -> b%d;", step.index(), id));
        }
      }
    }
    line("  }");
  }

  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
  }

  private void line(String line) {
    dot.append(line).append('\n');
  }
}
