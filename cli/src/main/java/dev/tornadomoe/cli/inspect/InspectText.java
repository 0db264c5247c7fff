package dev.tornadomoe.cli.inspect;

import dev.tornadomoe.cli.console.Complaint;
import dev.tornadomoe.tensor.text.ByteSize;
import dev.tornadomoe.tensor.text.Ranges;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// What `moe inspect` found, for people: the same object that `--json` prints.
final class InspectText {
  private final Map<String, Object> found;
  private final StringBuilder text = new StringBuilder();

  InspectText(Map<String, Object> found) {
    this.found = found;
  }

  String text() {
    if (found.containsKey("file")) {
      row("file", String.valueOf(found.get("file")));
      tensors();
      return text.toString();
    }
    row("checkpoint", String.valueOf(found.get("checkpoint")));
    row(
        "architecture",
        found.get("model_type")
            + (Boolean.TRUE.equals(found.get("supported")) ? "" : " (not supported)"));
    if (found.containsKey("layers")) {
      model(found);
    }
    weights(found);
    for (Map<?, ?> part : rows("parts")) {
      row("part", String.valueOf(part.get("name")));
      model(part);
      weights(part);
    }
    stored();
    backends();
    problems();
    if (!Boolean.TRUE.equals(found.get("supported"))) {
      tensors();
    }
    return text.toString();
  }

  private void model(Map<?, ?> stack) {
    row(
        "layers",
        String.format(
            Locale.ROOT,
            "%s; MoE layers (indices): %s",
            stack.get("layers"),
            Ranges.of(asIntegers(list(stack, "moe_layers")))));
    if (!stack.containsKey("experts")) {
      return; // of a dense model, or of one whose layers can't be read
    }
    long identities = number(stack, "identity_experts");
    row(
        "experts",
        String.format(
            Locale.ROOT,
            "%s%s, top-%s, hidden %s, intermediate %s, %s%s",
            stack.get("experts"),
            others(identities, stack.get("skipping_experts")),
            stack.get("top_k"),
            stack.get("hidden_size"),
            stack.get("intermediate_size"),
            stack.get("activation"),
            Boolean.FALSE.equals(stack.get("gated")) ? " without a gate" : ""));
    row("router", String.valueOf(stack.get("router")));
    row(
        "shared expert",
        stack.get("shared_expert") instanceof Map<?, ?> shared ? shared(shared) : "none");
  }

  private static String shared(Map<?, ?> shared) {
    StringBuilder text = new StringBuilder("intermediate " + shared.get("intermediate_size"));
    if (Boolean.TRUE.equals(shared.get("sigmoid_gate"))) {
      text.append(", sigmoid gate");
    }
    if (Boolean.TRUE.equals(shared.get("averaged"))) {
      text.append(", averaged with the routed experts");
    }
    if (!Objects.equals(shared.get("weighed"), 0)) {
      text.append(", ").append(shared.get("weighed")).append(" experts that the router weighs");
    }
    return text.toString();
  }

  private void weights(Map<?, ?> stack) {
    String title = "weights";
    for (Map<?, ?> kind : rows(stack, "weights")) {
      row(
          title,
          String.format(
              Locale.ROOT,
              "%-14s%-40s%,8d matrices %10s",
              kind.get("part"),
              kind.get("format"),
              number(kind, "matrices"),
              ByteSize.format(number(kind, "bytes"))));
      title = "";
    }
  }

  private void stored() {
    StringBuilder types = new StringBuilder();
    if (found.get("stored_bytes") instanceof Map<?, ?> stored) {
      stored
          .keySet()
          .forEach(type ->
              types
                  .append(types.isEmpty() ? "" : ", ")
                  .append(type)
                  .append(' ')
                  .append(ByteSize.format(number(stored, String.valueOf(type)))));
    }
    row("files hold", types.isEmpty() ? "no tensors" : types.toString());
  }

  private void backends() {
    String title = "backends";
    for (Map<?, ?> backend : rows("backends")) {
      List<?> reasons = list(backend, "why_not");
      row(
          title,
          String.format(
              Locale.ROOT,
              "%-12s%s",
              backend.get("name"),
              reasons.isEmpty()
                  ? "runs it" + launches(backend.get("launches")) + memory(backend)
                  : "no: " + joined(reasons)));
      title = "";
      sides(rows(backend, "sides"));
    }
  }

  /// Where experts are: a line for layers in a row that are alike.
  private void sides(List<Map<?, ?>> ofLayers) {
    for (int i = 0; i < ofLayers.size(); ) {
      List<?> sides = list(ofLayers.get(i), "sides");
      List<Integer> alike = new ArrayList<>();
      for (; i < ofLayers.size() && list(ofLayers.get(i), "sides").equals(sides); i++) {
        alike.add((Integer) ofLayers.get(i).get("layer"));
      }
      row(
          "",
          String.format(
              Locale.ROOT,
              "%-12slayers %s: %s",
              "",
              Ranges.of(alike),
              String.join(
                  "; ",
                  rows(ofLayers.get(i - 1), "sides").stream().map(InspectText::side).toList())));
    }
  }

  private static String side(Map<?, ?> side) {
    return String.format(
        Locale.ROOT,
        "%d %s (%s, %.1f %% of pairs) on the %s",
        number(side, "experts"),
        number(side, "experts") == 1 ? "expert" : "experts",
        ByteSize.format(number(side, "weight_bytes")),
        100 * fraction(side, "expected_share"),
        side.get("on"));
  }

  /// What a session takes, where it is known.
  private static String memory(Map<?, ?> backend) {
    if (!(backend.get("memory") instanceof Map<?, ?> memory)) {
      return "";
    }
    long device = number(memory, "total_device_bytes");
    return String.format(
        Locale.ROOT,
        "; a session for %d tokens takes %s%s",
        BackendOutlook.TOKENS,
        ByteSize.format(number(memory, "total_host_bytes")),
        device == 0 ? "" : " and " + ByteSize.format(device) + " on the device");
  }

  private static String launches(@Nullable Object way) {
    return way == null ? "" : ", launches " + way;
  }

  private void problems() {
    String title = "problems";
    for (Map<?, ?> problem : rows("problems")) {
      List<?> layers = list(problem, "layers");
      row(
          title,
          problem.get("problem")
              + (layers.isEmpty()
                  ? ""
                  : String.format(Locale.ROOT, " (layers %s)", Ranges.of(asIntegers(layers)))));
      title = "";
    }
    if (rows("problems").isEmpty()) {
      row(title, "none");
    }
  }

  private void tensors() {
    String title = "tensors";
    for (Map<?, ?> kind : rows("tensors")) {
      row(
          title,
          String.format(
              Locale.ROOT,
              "%-60s %-8s %-18s %,6d x %10s",
              kind.get("name"),
              kind.get("dtype"),
              kind.get("shape"),
              number(kind, "count"),
              ByteSize.format(number(kind, "bytes") / number(kind, "count"))));
      title = "";
    }
  }

  private void row(String title, String value) {
    text.append(String.format(Locale.ROOT, "%-14s%s%n", title, Complaint.printable(value)));
  }

  private static String joined(List<?> sentences) {
    return String.join("; ", sentences.stream().map(String::valueOf).toList());
  }

  private static long number(Map<?, ?> row, String name) {
    return row.get(name) instanceof Number number ? number.longValue() : 0;
  }

  private static double fraction(Map<?, ?> row, String name) {
    return row.get(name) instanceof Double value ? value : 0;
  }

  private static List<?> list(Map<?, ?> row, String name) {
    return row.get(name) instanceof List<?> list ? list : List.of();
  }

  private List<Map<?, ?>> rows(String name) {
    return rows(found, name);
  }

  private static List<Map<?, ?>> rows(Map<?, ?> of, String name) {
    return list(of, name).stream().<Map<?, ?>>map(row -> (Map<?, ?>) row).toList();
  }

  private static List<Integer> asIntegers(List<?> list) {
    return list.stream().map(Integer.class::cast).toList();
  }

  /// Experts without weights.
  private static String others(long identities, @Nullable Object skipping) {
    if (skipping != null) {
      return " and " + skipping + " that contributes nothing";
    }
    return identities == 0
        ? ""
        : String.format(Locale.ROOT, " and %d that return their input", identities);
  }
}
