package dev.tornadomoe.parallel;

import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.layer.MoeLayer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Who holds which experts, from a file:
///
///     {"experts_of_rank": [[0, 1, 2], [3, 4, 0]],
///      "layers": {"3": [[0, 1], [2, 3, 4]]}}
///
/// The first is for all layers that `layers` does not name; either may be missing. An expert may
/// stand with several ranks.
public final class PlacementFile {
  private static final String ALL = "experts_of_rank";
  private static final String LAYERS = "layers";

  private final Path file;
  private final @Nullable List<List<Integer>> all;
  private final Map<String, List<List<Integer>>> layers = new TreeMap<>();

  private PlacementFile(Path file, Map<String, Object> json) {
    this.file = file;
    for (String field : json.keySet()) {
      if (!field.equals(ALL) && !field.equals(LAYERS)) {
        throw new ParallelException(
            String.format(
                Locale.ROOT,
                "%s: unknown field \"%s\", expected \"%s\" and \"%s\"",
                file,
                field,
                ALL,
                LAYERS));
      }
    }
    this.all = json.containsKey(ALL) ? ranks(ALL, json.get(ALL)) : null;
    if (json.containsKey(LAYERS)) {
      if (!(json.get(LAYERS) instanceof Map<?, ?> named)) {
        throw new ParallelException(
            String.format(Locale.ROOT, "%s: \"%s\" is no object", file, LAYERS));
      }
      named.forEach((layer, ranks) ->
          layers.put(
              String.valueOf(layer),
              ranks(String.format(Locale.ROOT, "%s.%s", LAYERS, layer), ranks)));
    }
  }

  /// Reads one.
  ///
  /// @param file JSON, as docs/scaling.md describes it
  /// @return the placements, not yet compared with a model
  /// @throws dev.tornadomoe.MoeException when it is missing or says something else
  public static PlacementFile read(Path file) {
    return new PlacementFile(file, StrictJson.readObject(file));
  }

  private List<List<Integer>> ranks(String field, @Nullable Object value) {
    if (!(value instanceof List<?> ranks)) {
      throw wrong(field, value);
    }
    List<List<Integer>> read = new ArrayList<>();
    for (Object rank : ranks) {
      if (!(rank instanceof List<?> experts)) {
        throw wrong(field, rank);
      }
      List<Integer> ofRank = new ArrayList<>();
      for (Object expert : experts) {
        if (!(expert instanceof Integer number)) {
          throw wrong(field, expert);
        }
        ofRank.add(number);
      }
      read.add(ofRank);
    }
    return read;
  }

  private ParallelException wrong(String field, @Nullable Object found) {
    return new ParallelException(
        String.format(
            Locale.ROOT,
            "%s: \"%s\" must be a list with a list of expert numbers for each rank, found %s",
            file,
            field,
            found));
  }

  /// A layer's placement.
  ///
  /// @param layer whose index the file lists
  /// @return who holds which of its experts
  /// @throws ParallelException when there is none, or none that suits the layer
  public ExpertPlacement placement(MoeLayer layer) {
    List<List<Integer>> ranks = layers.getOrDefault(String.valueOf(layer.index()), all);
    if (ranks == null) {
      throw new ParallelException(
          String.format(
              Locale.ROOT,
              "%s: has no placement for layer %d and no \"%s\" for all",
              file,
              layer.index(),
              ALL));
    }
    try {
      return ExpertPlacement.of(layer.globalExperts() - layer.identityExperts(), ranks);
    } catch (ParallelException e) {
      throw new ParallelException(
          String.format(Locale.ROOT, "%s, layer %d: %s", file, layer.index(), e.getMessage()), e);
    }
  }
}
