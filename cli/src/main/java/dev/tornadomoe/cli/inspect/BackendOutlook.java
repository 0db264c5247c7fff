package dev.tornadomoe.cli.inspect;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.cli.console.DeviceBackend;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.SessionMemory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What each backend would do with a checkpoint's layers, without loading any weights: plans them
/// as the commands do and asks.
final class BackendOutlook {
  /// Enough for both kinds of experts, those for few tokens and those for many.
  static final int TOKENS = 64;

  private BackendOutlook() {}

  /// A row for each backend: `name`, `available`, `launches`, `runs`, `why_not`, and `memory` where
  /// it runs all layers: what a session for 64 tokens takes.
  ///
  /// @param layers that can be made of the checkpoint, perhaps none
  static List<Map<String, Object>> of(List<MoeLayer> layers) {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (Backend backend : Backends.all()) {
      boolean available = backend.availability().isAvailable();
      List<String> reasons = new ArrayList<>();
      @Nullable Map<String, Object> memory = null;
      if (!available) {
        reasons.add(backend.availability().toString());
      }
      if (layers.isEmpty()) {
        reasons.add("no layer can be made of this checkpoint");
      } else {
        try {
          MoePlan plan = plan(backend, available, layers);
          reasons.addAll(unsupported(backend, plan));
          memory = reasons.isEmpty() ? memory(backend.memory(plan)) : null;
        } catch (MoeException e) {
          reasons.add(String.valueOf(e.getMessage()));
        }
      }
      @Nullable String launches = available ? backend.launches().orElse(null) : null;
      rows.add(row(backend.name(), available, launches, reasons, memory));
    }
    if (rows.stream().noneMatch(row -> DeviceBackend.NAME.equals(row.get("name")))) {
      rows.add(row(DeviceBackend.NAME, false, null, List.of(DeviceBackend.MISSING), null));
    }
    return rows;
  }

  private static MoePlan plan(Backend backend, boolean available, List<MoeLayer> layers) {
    Planner.Builder planner = Planner.builder().maxTokens(TOKENS);
    if (available) { // the pieces are a device's, which must be there
      backend.modularMoe(layers).ifPresent(planner::preferredModularMoe);
    }
    return planner.build().plan(layers);
  }

  private static List<String> unsupported(Backend backend, MoePlan plan) {
    // What all layers have in common is one reason.
    return backend.unsupported(plan).stream()
        .map(reason -> reason.replaceFirst("^layer \\d+: ", ""))
        .distinct()
        .toList();
  }

  private static Map<String, Object> memory(SessionMemory memory) {
    Map<String, Object> json = new LinkedHashMap<>();
    memory
        .parts()
        .forEach((part, bytes) -> {
          json.put(part + "_host_bytes", bytes.host());
          json.put(part + "_device_bytes", bytes.device());
        });
    return json;
  }

  private static Map<String, Object> row(
      String name,
      boolean available,
      @Nullable String launches,
      List<String> reasons,
      @Nullable Map<String, Object> memory) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("name", name);
    row.put("available", available);
    row.put("launches", launches);
    row.put("runs", reasons.isEmpty());
    row.put("why_not", reasons);
    if (memory != null) {
      row.put("memory", memory);
    }
    return row;
  }
}
