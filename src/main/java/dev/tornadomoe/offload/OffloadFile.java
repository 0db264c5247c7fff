package dev.tornadomoe.offload;

import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.layer.MoeLayer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Which experts are on the device, or how often each is chosen, from a file:
///
///     {"experts_on_device": [0, 1, 2],
///      "layers": {"3": [4, 5]},
///      "experts_chosen": {"3": [12, 0, 7, 1, 96, 12]}}
///
/// The first is for all layers that `layers` does not name; either may be missing. The last is what
/// `moe route-stats` counts: for each of a layer's experts how many pairs it got.
public final class OffloadFile {
  private static final String ALL = "experts_on_device";
  private static final String LAYERS = "layers";
  private static final String CHOSEN = "experts_chosen";

  private final Path file;
  private final @Nullable List<Integer> all;
  private final Map<Integer, List<Integer>> layers = new TreeMap<>();
  private final RouteStatistics statistics;

  private OffloadFile(Path file, Map<String, Object> json) {
    this.file = file;
    for (String field : json.keySet()) {
      if (!Set.of(ALL, LAYERS, CHOSEN).contains(field)) {
        throw new OffloadException(
            String.format(
                Locale.ROOT,
                "%s: unknown field \"%s\", expected \"%s\", \"%s\" and \"%s\"",
                file,
                field,
                ALL,
                LAYERS,
                CHOSEN));
      }
    }
    if (json.isEmpty()) {
      throw new OffloadException(
          String.format(Locale.ROOT, "%s: has neither \"%s\" nor \"%s\"", file, ALL, CHOSEN));
    }
    this.all = json.containsKey(ALL) ? experts(ALL, json.get(ALL)) : null;
    layers(json, LAYERS)
        .forEach((layer, experts) -> layers.put(layer, experts(LAYERS + "." + layer, experts)));
    Map<Integer, long[]> chosen = new TreeMap<>();
    layers(json, CHOSEN)
        .forEach((layer, counts) ->
            chosen.put(
                layer,
                numbers(CHOSEN + "." + layer, counts, Long.MAX_VALUE).stream()
                    .mapToLong(count -> count)
                    .toArray()));
    this.statistics =
        chosen.isEmpty() ? RouteStatistics.EVEN : RouteStatistics.of(file.toString(), chosen);
  }

  /// Reads one.
  ///
  /// @param file JSON, as docs/offload.md describes it
  /// @return what it says, not yet compared with a model
  /// @throws dev.tornadomoe.MoeException when it is missing or says something else
  public static OffloadFile read(Path file) {
    return new OffloadFile(file, StrictJson.readObject(file));
  }

  /// The members of a field that has something for each layer.
  private Map<Integer, Object> layers(Map<String, Object> json, String field) {
    Map<Integer, Object> found = new TreeMap<>();
    if (!json.containsKey(field)) {
      return found;
    }
    if (!(json.get(field) instanceof Map<?, ?> named)) {
      throw new OffloadException(
          String.format(Locale.ROOT, "%s: \"%s\" is no object", file, field));
    }
    named.forEach((layer, value) -> {
      try {
        int index = Integer.parseInt(String.valueOf(layer));
        if (found.containsKey(index)) {
          throw new OffloadException(
              String.format(Locale.ROOT, "%s: \"%s\" names layer %d twice", file, field, index));
        }
        found.put(index, value);
      } catch (NumberFormatException e) {
        throw new OffloadException(
            String.format(
                Locale.ROOT,
                "%s: \"%s\" names layer \"%s\", which is no number",
                file,
                field,
                layer));
      }
    });
    return found;
  }

  private List<Integer> experts(String field, @Nullable Object value) {
    return numbers(field, value, Integer.MAX_VALUE).stream().map(Math::toIntExact).toList();
  }

  /// Jackson has an `Integer` for what fits one, and a `Long` for more.
  private List<Long> numbers(String field, @Nullable Object value, long most) {
    if (!(value instanceof List<?> list)) {
      throw wrong(field, value);
    }
    List<Long> numbers = new ArrayList<>();
    for (Object number : list) {
      long whole =
          switch (number) {
            case Integer few -> few;
            case Long many -> many;
            case null, default -> -1;
          };
      if (whole < 0 || whole > most) {
        throw wrong(field, number);
      }
      numbers.add(whole);
    }
    return numbers;
  }

  private OffloadException wrong(String field, @Nullable Object found) {
    return new OffloadException(
        String.format(
            Locale.ROOT,
            "%s: \"%s\" must be a list of whole numbers from 0 on, found %s",
            file,
            field,
            StrictJson.excerpt(found)));
  }

  /// {@return which experts of these layers are on the device, or nothing where the file says only
  /// how often they are chosen}
  ///
  /// @param of that it is asked for
  /// @throws OffloadException when it is for other layers
  public Optional<DevicePlacement> placement(List<MoeLayer> of) {
    if (all == null && layers.isEmpty()) {
      return Optional.empty();
    }
    Map<Integer, List<Integer>> experts = new TreeMap<>();
    for (MoeLayer layer : of) {
      List<Integer> named = layers.getOrDefault(layer.index(), all);
      if (named == null) {
        throw new OffloadException(
            String.format(
                Locale.ROOT,
                "%s: has no placement for layer %d and no \"%s\" for all",
                file,
                layer.index(),
                ALL));
      }
      experts.put(layer.index(), named);
    }
    return Optional.of(DevicePlacement.of(experts));
  }

  /// {@return how often experts are chosen, as far as the file says it}
  public RouteStatistics statistics() {
    return statistics;
  }
}
