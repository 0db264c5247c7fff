package dev.tornadomoe.offload;

import dev.tornadomoe.layer.MoeLayer;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// How often each of the router's experts is chosen. Without counts each is as likely as any other.
public final class RouteStatistics {
  /// Nothing is known: all experts of a layer are alike.
  public static final RouteStatistics EVEN = new RouteStatistics("", new TreeMap<>());

  private final String source;
  private final SortedMap<Integer, long[]> chosen;

  private RouteStatistics(String source, SortedMap<Integer, long[]> chosen) {
    this.source = source;
    this.chosen = chosen;
  }

  /// Counts of some layers.
  ///
  /// @param source where they are from, which messages begin with
  /// @param chosen by the layer's index in the model, `[E]`: how many pairs each expert has got
  /// @return statistics that know these layers, and no others
  public static RouteStatistics of(String source, Map<Integer, long[]> chosen) {
    SortedMap<Integer, long[]> copy = new TreeMap<>();
    chosen.forEach((layer, counts) -> copy.put(layer, counts.clone()));
    return new RouteStatistics(source, copy);
  }

  /// {@return the share of a layer's pairs that an expert gets, from 0 to 1; all shares of a layer
  /// are 1 together}
  ///
  /// @param layer with its index in the model
  /// @param expert by the router's numbers
  /// @throws OffloadException when these are statistics of other layers
  public double share(MoeLayer layer, int expert) {
    int experts = layer.globalExperts();
    if (chosen.isEmpty()) {
      return 1.0 / experts;
    }
    long[] counts = chosen.get(layer.index());
    if (counts == null) {
      throw new OffloadException(
          String.format(
              Locale.ROOT,
              "%s: has no counts of layer %d, but of layers %s: statistics of another model?",
              source,
              layer.index(),
              chosen.keySet()));
    }
    if (counts.length != experts) {
      throw new OffloadException(
          String.format(
              Locale.ROOT,
              "%s: has counts of %d experts for layer %d, which has %d: statistics of another"
                  + " model?",
              source,
              counts.length,
              layer.index(),
              experts));
    }
    double all = Arrays.stream(counts).asDoubleStream().sum();
    return all == 0 ? 1.0 / experts : counts[expert] / all;
  }

  /// {@return the counts by layer, `[E]` each; empty where nothing is known}
  public SortedMap<Integer, long[]> chosen() {
    SortedMap<Integer, long[]> copy = new TreeMap<>();
    chosen.forEach((layer, counts) -> copy.put(layer, counts.clone()));
    return copy;
  }
}
