package dev.tornadomoe.offload;

import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.MoeLayer;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;

/// Which experts of which layers are on the device; all others are on the host.
public final class DevicePlacement {
  private final Map<Integer, SortedSet<Integer>> expertsOfLayer;

  private DevicePlacement(Map<Integer, SortedSet<Integer>> expertsOfLayer) {
    this.expertsOfLayer = expertsOfLayer;
  }

  /// As given. [Offload#of] compares it with the layers.
  ///
  /// @param expertsOfLayer by the layer's index in the model, experts by the router's numbers;
  ///   layers that it does not name have none
  /// @return the placement
  public static DevicePlacement of(Map<Integer, List<Integer>> expertsOfLayer) {
    Map<Integer, SortedSet<Integer>> copy = new TreeMap<>();
    expertsOfLayer.forEach((layer, experts) -> copy.put(layer, new TreeSet<>(experts)));
    return new DevicePlacement(copy);
  }

  /// One of a model's experts.
  private record Candidate(MoeLayer layer, int expert, double share) {}

  /// The experts that are chosen most often, as many as are asked for, over all layers; of experts
  /// alike each layer's first, then each layer's second. One expert at least of each layer stays on
  /// the host.
  ///
  /// @param layers with all experts
  /// @param statistics how often each is chosen
  /// @param count how many
  /// @return a placement of so many, or of all that may leave the host
  /// @throws OffloadException when the statistics are of other layers
  public static DevicePlacement mostChosen(
      List<MoeLayer> layers, RouteStatistics statistics, int count) {
    Map<Integer, SortedSet<Integer>> experts = new TreeMap<>();
    layers.stream()
        .flatMap(layer -> candidates(layer, statistics).stream())
        .sorted(
            Comparator.comparingDouble((Candidate candidate) -> -candidate.share())
                .thenComparingInt(Candidate::expert)
                .thenComparingInt(candidate -> candidate.layer().index()))
        .limit(count)
        .forEach(candidate ->
            experts
                .computeIfAbsent(candidate.layer().index(), layer -> new TreeSet<>())
                .add(candidate.expert()));
    return new DevicePlacement(experts);
  }

  /// {@return how many experts [#mostChosen] has to choose from}
  static int candidates(List<MoeLayer> layers) {
    return layers.stream().mapToInt(layer -> layer.experts().local().size() - 1).sum();
  }

  /// All experts that are here but the one that is chosen least.
  private static List<Candidate> candidates(MoeLayer layer, RouteStatistics statistics) {
    ExpertMap map = layer.experts().map();
    return IntStream.range(0, map.globalExperts())
        .filter(expert -> map.localOf(expert) >= 0)
        .mapToObj(expert -> new Candidate(layer, expert, statistics.share(layer, expert)))
        .sorted(Comparator.comparingDouble((Candidate candidate) -> -candidate.share()))
        .limit(map.localExperts() - 1L)
        .toList();
  }

  /// {@return the experts of a layer that are on the device, ascending}
  ///
  /// @param layer its index in the model
  public List<Integer> expertsOf(int layer) {
    SortedSet<Integer> experts = expertsOfLayer.get(layer);
    return experts == null ? List.of() : List.copyOf(experts);
  }

  /// {@return whether all experts of these layers are on the device, so that there is nothing to
  /// divide: a plan of the whole layers puts them there}
  ///
  /// @param layers of a plan
  public boolean isAll(List<MoeLayer> layers) {
    return layers.stream().allMatch(layer -> map(layer, false).localExperts() == 0);
  }

  /// Numbers the experts that a layer has here and that are, or are not, on the device.
  ExpertMap map(MoeLayer layer, boolean onDevice) {
    List<Integer> there = expertsOf(layer.index());
    int[] localOf = new int[layer.globalExperts()];
    Arrays.fill(localOf, -1);
    int local = 0;
    for (int expert = 0; expert < localOf.length; expert++) {
      if (layer.experts().map().localOf(expert) >= 0 && there.contains(expert) == onDevice) {
        localOf[expert] = local++;
      }
    }
    return ExpertMap.of(localOf);
  }
}
