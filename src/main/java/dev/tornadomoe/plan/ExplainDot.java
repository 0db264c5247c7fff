package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.tensor.ByteSize;

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
        "    label=%s;"
            .formatted(
                quoted(
                    explanation.name(run)
                        + (decision.aliased() ? ": aliased" : ": not aliased, ")
                        + (decision.aliased() ? "" : decision.reason()))));
    for (Buffer buffer : explanation.buffers(layer)) {
      line(
          "    b%d [label=%s, shape=ellipse%s];"
              .formatted(
                  buffer.id(),
                  quoted(
                      explanation.names(layer, buffer)
                          + "\n"
                          + ByteSize.format(buffer.bytes())
                          + (buffer.placement() instanceof Buffer.Slot slot
                              ? " at " + slot.offset()
                              : "")),
                  buffer.isCallers() ? ", style=filled, fillcolor=\"#dcefe3\"" : ""));
    }
    for (Step step : bucket.stepsOf(layer)) {
      boolean copy = LayerDraft.isOutputCopy(step.operation());
      line(
          "    s%d [label=%s, shape=box, style=\"rounded%s\"];"
              .formatted(
                  step.index(),
                  quoted(step.index() + " " + step.operation().name()),
                  copy ? ",filled\", fillcolor=\"#f6d5d0" : ""));
      for (Access access : step.operation().accesses()) {
        int id = bucket.buffer(layer, access.operand()).id();
        if (access.reads()) {
          line("    b%d -> s%d;".formatted(id, step.index()));
        }
        if (access.writes()) {
          line("    s%d -> b%d;".formatted(step.index(), id));
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
