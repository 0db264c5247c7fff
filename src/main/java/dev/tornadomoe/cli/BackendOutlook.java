package dev.tornadomoe.cli;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What each backend would do with a checkpoint's layers, without loading any weights: plans them
/// as the commands do and asks.
final class BackendOutlook {
  /// Enough for both kinds of experts, those for few tokens and those for many.
  private static final int TOKENS = 64;

  private BackendOutlook() {}

  /// A row for each backend: `name`, `available`, `launches`, `runs`, `why_not`.
  ///
  /// @param layers that can be made of the checkpoint, perhaps none
  static List<Map<String, Object>> of(List<MoeLayer> layers) {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (Backend backend : Backends.all()) {
      boolean available = backend.availability().isAvailable();
      List<String> reasons = new ArrayList<>();
      if (!available) {
        reasons.add(backend.availability().toString());
      }
      if (layers.isEmpty()) {
        reasons.add("no layer can be made of this checkpoint");
      } else {
        reasons.addAll(unsupported(backend, available, layers));
      }
      @Nullable String launches = available ? backend.launches().orElse(null) : null;
      rows.add(row(backend.name(), available, launches, reasons));
    }
    if (rows.stream().noneMatch(row -> Backends.TORNADO.equals(row.get("name")))) {
      rows.add(row(Backends.TORNADO, false, null, List.of(Backends.TORNADO_MISSING)));
    }
    return rows;
  }

  private static List<String> unsupported(
      Backend backend, boolean available, List<MoeLayer> layers) {
    try {
      Planner.Builder planner = Planner.builder().maxTokens(TOKENS);
      if (available) { // the pieces are a device's, which must be there
        backend.pieces(layers).ifPresent(planner::pieces);
      }
      MoePlan plan = planner.build().plan(layers);
      // What all layers have in common is one reason.
      return backend.unsupported(plan).stream()
          .map(reason -> reason.replaceFirst("^layer \\d+: ", ""))
          .distinct()
          .toList();
    } catch (MoeException e) {
      return List.of(String.valueOf(e.getMessage()));
    }
  }

  private static Map<String, Object> row(
      String name, boolean available, @Nullable String launches, List<String> reasons) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("name", name);
    row.put("available", available);
    row.put("launches", launches);
    row.put("runs", reasons.isEmpty());
    row.put("why_not", reasons);
    return row;
  }
}
