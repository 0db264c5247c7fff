package dev.tornadomoe.layer;

import dev.tornadomoe.tensor.WeightFormat;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The routed experts of a layer.
///
/// @param local the experts that are here, in the order of their local indices
/// @param map from the router's indices to local ones
/// @param activation between the projections
public record ExpertWeights(List<Mlp> local, ExpertMap map, Activation activation) {

  /// Checked against each other.
  ///
  /// @throws LayerException when the experts differ in shape or in being gated; each has biases of
  ///   its own
  public ExpertWeights {
    local = List.copyOf(local);
    if (local.size() != map.localExperts()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "the expert map has %d local experts, but the weights of %d are given",
              map.localExperts(),
              local.size()));
    }
    if (local.isEmpty()) {
      throw new LayerException("a layer needs at least one expert");
    }
    Mlp first = local.getFirst();
    for (int e = 1; e < local.size(); e++) {
      Mlp expert = local.get(e);
      if (expert.hidden() != first.hidden()
          || expert.intermediate() != first.intermediate()
          || expert.isGated() != first.isGated()) {
        throw new LayerException(
            String.format(
                Locale.ROOT,
                "expert %d (\"%s\") is [I %d, H %d%s], expert 0 is [I %d, H %d%s]",
                e,
                expert.up().name(),
                expert.intermediate(),
                expert.hidden(),
                expert.isGated() ? ", gated" : "",
                first.intermediate(),
                first.hidden(),
                first.isGated() ? ", gated" : ""));
      }
    }
    if (activation.needsGate() && !first.isGated()) {
      throw new LayerException(
          String.format(Locale.ROOT, "activation %s needs gated experts", activation.function()));
    }
  }

  /// All experts of a layer.
  ///
  /// @param experts in the router's order, of the same sizes
  /// @param activation between the projections
  /// @return the weights of a layer whose experts are all here
  /// @throws LayerException when the experts differ in shape, or don't go with the activation
  public static ExpertWeights of(List<Mlp> experts, Activation activation) {
    return new ExpertWeights(experts, ExpertMap.identity(experts.size()), activation);
  }

  /// The experts that a map leaves here, in its order.
  ///
  /// @param restriction of all the router's experts
  /// @return the same weights, fewer of them
  /// @throws LayerException for an expert that is not here now, or a map for other experts
  public ExpertWeights restrictedTo(ExpertMap restriction) {
    if (restriction.globalExperts() != map.globalExperts()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "an expert map for %d experts can't be applied to %s experts",
              restriction.globalExperts(),
              map));
    }
    @Nullable Mlp[] kept = new @Nullable Mlp[restriction.localExperts()];
    for (int expert = 0; expert < map.globalExperts(); expert++) {
      int index = restriction.localOf(expert);
      if (index >= 0 && map.localOf(expert) < 0) {
        throw new LayerException(
            String.format(
                Locale.ROOT,
                "an expert map keeps expert %d, which is not among the %s experts that are here",
                expert,
                map));
      }
      if (index >= 0) {
        kept[index] = local.get(map.localOf(expert));
      }
    }
    List<Mlp> experts = new ArrayList<>(kept.length);
    for (Mlp expert : kept) {
      if (expert != null) {
        experts.add(expert);
      }
    }
    return new ExpertWeights(experts, restriction, activation);
  }

  /// {@return H, the width of a row}
  public int hidden() {
    return local.getFirst().hidden();
  }

  /// {@return I, the width inside an expert}
  public int intermediate() {
    return local.getFirst().intermediate();
  }

  /// {@return whether experts have a gate projection}
  public boolean isGated() {
    return local.getFirst().isGated();
  }

  /// {@return the distinct formats of the projections, for messages and to choose kernels by}
  public Set<WeightFormat> formats() {
    Set<WeightFormat> formats = new TreeSet<>((a, b) -> a.toString().compareTo(b.toString()));
    for (Mlp expert : local) {
      if (expert.gate() != null) {
        formats.add(expert.gate().format());
      }
      formats.add(expert.up().format());
      formats.add(expert.down().format());
    }
    return formats;
  }

  /// One line, without the weights: `128 experts, H 2048, I 768, int4 g32 (BF16 scales)`.
  @Override
  public String toString() {
    String formats =
        formats().stream().map(WeightFormat::toString).collect(Collectors.joining(", "));
    return String.format(
        Locale.ROOT,
        "%s experts, H %d, I %d, %s",
        map.isPartial() ? map : map.localExperts(),
        hidden(),
        intermediate(),
        formats);
  }
}
