package dev.tornadomoe.cli.inspect;

import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.tensor.Weight;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The weight matrices of layers, by what they belong to and by format, with their bytes.
final class WeightKinds {

  /// @param part `router`, `experts` or `shared expert`
  /// @param format as its own text says
  private record Kind(String part, String format) {}

  /// Running sums.
  private static final class Sum {
    private long matrices;
    private long bytes;
    private long toLoad;
  }

  private final Map<Kind, Sum> kinds = new LinkedHashMap<>();

  private WeightKinds() {}

  static WeightKinds of(List<MoeLayer> layers) {
    WeightKinds found = new WeightKinds();
    for (MoeLayer layer : layers) {
      if (layer.router() != null) {
        found.add("router", layer.router().weight());
        if (layer.router().mlp() != null) {
          layer.router().mlp().weights().forEach(weight -> found.add("router", weight));
        }
      }
      if (layer.latent() != null) {
        found.add("latent", layer.latent().in());
        found.add("latent", layer.latent().out());
      }
      layer.experts().local().forEach(expert -> found.add("experts", expert));
      SharedExperts shared = layer.shared();
      if (shared != null) {
        found.add("shared expert", shared.mlp());
        found.add("shared expert", shared.isHalf() ? null : shared.gate());
      }
    }
    return found;
  }

  private void add(String part, Mlp mlp) {
    add(part, mlp.gate());
    add(part, mlp.up());
    add(part, mlp.down());
  }

  private void add(String part, @Nullable Weight weight) {
    if (weight != null) {
      Sum sum =
          kinds.computeIfAbsent(new Kind(part, weight.format().toString()), kind -> new Sum());
      sum.matrices++;
      sum.bytes += weight.bytes();
      sum.toLoad += weight.bytesToLoad();
    }
  }

  /// A row for each kind: `part`, `format`, `matrices`, `bytes` (one pass over all of them),
  /// `bytes_to_load` (what loading allocates at least, 0 where the file's own bytes are used).
  List<Map<String, Object>> toJson() {
    List<Map<String, Object>> rows = new ArrayList<>();
    kinds.forEach((kind, sum) -> {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("part", kind.part());
      row.put("format", kind.format());
      row.put("matrices", sum.matrices);
      row.put("bytes", sum.bytes);
      row.put("bytes_to_load", sum.toLoad);
      rows.add(row);
    });
    return rows;
  }
}
