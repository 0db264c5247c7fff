package dev.tornadomoe.cli.inspect;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.cli.console.DeviceBackend;
import dev.tornadomoe.cli.parallel.OffloadChoices;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ExpertSide;
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
  /// it runs all layers: what a session for 64 tokens takes. Where a device has some of the
  /// experts, its row has `sides` of each layer.
  ///
  /// @param layers that can be made of the checkpoint, perhaps none
  /// @param offload what a device is to have of them
  /// @throws MoeException saying why it can't have that
  static List<Map<String, Object>> of(List<MoeLayer> layers, OffloadChoices offload) {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (Backend backend : Backends.all()) {
      boolean available = backend.availability().isAvailable();
      List<String> reasons = new ArrayList<>();
      @Nullable Map<String, Object> memory = null;
      List<Map<String, Object>> sides = List.of();
      if (!available) {
        reasons.add(backend.availability().toString());
      }
      if (layers.isEmpty()) {
        reasons.add("no layer can be made of this checkpoint");
      } else {
        boolean divided =
            available && offload.isAsked() && backend.name().equals(DeviceBackend.NAME);
        try {
          MoePlan plan =
              divided
                  ? offload.plan(planner(backend, true, layers), backend, layers, 1)
                  : planner(backend, available, layers).build().plan(layers);
          sides = sides(plan);
          reasons.addAll(unsupported(backend, plan));
          memory = reasons.isEmpty() ? memory(backend.memory(plan)) : null;
        } catch (MoeException e) {
          if (divided) {
            throw e; // it is the options that can't be had
          }
          reasons.add(String.valueOf(e.getMessage()));
        }
      }
      @Nullable String launches = available ? backend.launches().orElse(null) : null;
      Map<String, Object> row = row(backend.name(), available, launches, reasons, memory);
      if (!sides.isEmpty()) {
        row.put("sides", sides);
      }
      rows.add(row);
    }
    if (rows.stream().noneMatch(row -> DeviceBackend.NAME.equals(row.get("name")))) {
      rows.add(row(DeviceBackend.NAME, false, null, List.of(DeviceBackend.MISSING), null));
    }
    return rows;
  }

  private static Planner.Builder planner(
      Backend backend, boolean available, List<MoeLayer> layers) {
    Planner.Builder planner = Planner.builder().maxTokens(TOKENS);
    if (available) { // the pieces are a device's, which must be there
      backend.modularMoe(layers).ifPresent(planner::preferredModularMoe);
    }
    return planner;
  }

  /// Where the experts of each layer are, if they are not all on one side.
  static List<Map<String, Object>> sides(MoePlan plan) {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (int i = 0; i < plan.layers().size(); i++) {
      MoeLayer layer = plan.layers().get(i);
      List<ExpertSide> sides = plan.modularMoe(i).experts().sides(layer);
      if (!sides.isEmpty()) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("layer", layer.index());
        row.put("sides", sides.stream().map(ExpertSide::json).toList());
        rows.add(row);
      }
    }
    return rows;
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
