package dev.tornadomoe.plan.explain;

import dev.tornadomoe.tensor.text.ByteSize;
import java.util.Locale;

/// The explanation as a picture: the plan without aliases above, the plan as it is below. Time goes
/// to the right in steps, memory down in bytes; bars at the same height share memory.
final class ExplainSvg {
  private static final int WIDTH = 1240;

  private final Explanation explanation;

  ExplainSvg(Explanation explanation) {
    this.explanation = explanation;
  }

  String render() {
    Explanation before = Explanation.of(explanation.plan().unaliased(), explanation.tokens());
    StringBuilder body = new StringBuilder();
    int y = 56;
    String unplanned =
        String.format(
            Locale.ROOT,
            " (before any pass, each buffer its own: %s)",
            ByteSize.format(explanation.bucket().baseline().workspaceBytes()));
    y =
        new SvgPanel(before, "Without output alias: " + figures(before) + unplanned, WIDTH)
            .draw(body, y);
    y = new SvgPanel(explanation, "As planned: " + figures(explanation), WIDTH).draw(body, y + 36);
    String title =
        String.format(
            Locale.ROOT,
            "%s, M = %d, %s%s",
            Explanation.count(explanation.plan().layers().size(), "MoE layer", "MoE layers"),
            explanation.tokens(),
            explanation.plannedFor(),
            explanation.tokens() > explanation.plan().options().chunkTokens()
                ? "; cut into " + explanation.chunks()
                : "");
    return String.format(
        Locale.ROOT,
        """
        <svg xmlns="http://www.w3.org/2000/svg" width="%1$d" height="%2$d" viewBox="0 0 %1$d %2$d" \
        font-family="Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif">
        <title>%3$s</title>
        <rect width="%1$d" height="%2$d" fill="#ffffff"/>
        <text x="24" y="36" font-size="20" font-weight="600" fill="#1d2733">%3$s</text>
        %4$s</svg>
        """,
        WIDTH,
        y + 24,
        title,
        body);
  }

  private static String figures(Explanation which) {
    return String.format(
        Locale.ROOT,
        "%s and %s copied per step, workspace %s",
        Explanation.count(which.copiesPerStep(), "copy", "copies"),
        ByteSize.format(which.copiedBytes()),
        ByteSize.format(which.bucket().workspaceBytes()));
  }
}
