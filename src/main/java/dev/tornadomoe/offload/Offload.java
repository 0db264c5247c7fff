package dev.tornadomoe.offload;

import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.OffloadExperts;
import dev.tornadomoe.modular.OffloadExperts.DevicePart;
import dev.tornadomoe.modular.OffloadExperts.Streaming;
import dev.tornadomoe.modular.OffloadPrepareAndFinalize;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Layers whose experts are divided between a device and the host: [#parts] are what the host has
/// of them, [#modularMoe] is what their plan is made with.
///
///     Offload offload = Offload.of(layers, placement, RouteStatistics.EVEN);
///     MoePlan plan = offload.plan(Planner.builder());
///     Session session = Backends.require("tornado").prepare(plan);
///
/// [#prefill] has the host's experts go through the device in calls with many tokens.
///
/// The router and the shared experts are on the host. A call gives the device the rows with the ids
/// and weights of its experts, the host computes the others meanwhile, and each row is the host's
/// sum, the device's, shared experts and residual, added in this order.
public final class Offload {
  private final List<Divided> layers;
  private final Map<Integer, ModularMoe> pieces = new HashMap<>();

  /// A layer in its two parts.
  ///
  /// @param host what the host has of it
  /// @param device what the device has, or null for nothing
  private record Divided(MoeLayer host, @Nullable DevicePart device) {

    /// What share of pairs is expected to be the host's.
    double hostShare() {
      return device == null ? 1 : 1 - device.share();
    }
  }

  private Offload(List<Divided> layers, @Nullable Streaming streaming) {
    this.layers = layers;
    for (Divided layer : layers) {
      OffloadExperts experts = new OffloadExperts(layer.device(), streaming);
      pieces.put(
          layer.host().index(),
          new ModularMoe(new OffloadPrepareAndFinalize(layer.host(), experts), experts));
    }
  }

  /// Divides layers.
  ///
  /// @param layers with all experts
  /// @param placement which of them are on the device
  /// @param statistics what shares are expected by
  /// @return the parts and their pieces
  /// @throws OffloadException for a placement of experts that are not there, or of all experts of a
  ///   layer: those need no division where all layers are so, and one at least stays on the host
  ///   where some are
  public static Offload of(
      List<MoeLayer> layers, DevicePlacement placement, RouteStatistics statistics) {
    List<Divided> divided = new ArrayList<>();
    Set<Integer> known = new HashSet<>();
    for (MoeLayer layer : layers) {
      if (!known.add(layer.index())) {
        throw new OffloadException(
            String.format(Locale.ROOT, "layer %d is there twice", layer.index()));
      }
      divided.add(divide(layer, placement, statistics));
    }
    return new Offload(List.copyOf(divided), null);
  }

  private static Divided divide(
      MoeLayer layer, DevicePlacement placement, RouteStatistics statistics) {
    List<Integer> experts = placement.expertsOf(layer.index());
    for (int expert : experts) {
      requireExpert(layer, expert);
    }
    ExpertMap onHost = placement.map(layer, false);
    if (onHost.localExperts() == 0) {
      throw new OffloadException(
          String.format(
              Locale.ROOT,
              "layer %d: all %d experts are placed on the device; one at least stays on the host"
                  + " unless all experts of all layers are on the device",
              layer.index(),
              experts.size()));
    }
    if (experts.isEmpty()) {
      return new Divided(layer, null);
    }
    double share = experts.stream().mapToDouble(e -> statistics.share(layer, e)).sum();
    return new Divided(
        layer.dividedBy(onHost),
        new DevicePart(layer.dividedBy(placement.map(layer, true)), share));
  }

  /// {@return the same layers, with the host's experts going through the device in calls with many
  /// tokens}
  ///
  /// @param streaming what decides from how many on
  public Offload prefill(PrefillStreaming streaming) {
    return new Offload(
        layers,
        streaming.of(
            layers.stream()
                .map(layer -> new PrefillStreaming.Part(layer.host(), layer.hostShare()))
                .toList()));
  }

  private static void requireExpert(MoeLayer layer, int expert) {
    ExpertMap map = layer.experts().map();
    if (expert < 0 || expert >= map.globalExperts()) {
      throw new OffloadException(
          String.format(
              Locale.ROOT,
              "layer %d: expert %d is placed on the device, expected 0 to %d",
              layer.index(),
              expert,
              map.globalExperts() - 1));
    }
    if (map.localOf(expert) < 0) {
      throw new OffloadException(
          String.format(
              Locale.ROOT,
              "layer %d: expert %d is placed on the device, but it has no weights here",
              layer.index(),
              expert));
    }
  }

  /// {@return what the host has of each layer}
  public List<MoeLayer> parts() {
    return layers.stream().map(Divided::host).toList();
  }

  /// {@return what computes a layer's part}
  ///
  /// @param part one of [#parts]
  public ModularMoe modularMoe(MoeLayer part) {
    ModularMoe modularMoe = pieces.get(part.index());
    if (modularMoe == null) {
      throw new OffloadException(
          String.format(Locale.ROOT, "layer %d is none of those that are divided", part.index()));
    }
    return modularMoe;
  }

  /// {@return a plan of the parts}
  ///
  /// @param planner with all other options; its pieces are replaced
  public MoePlan plan(Planner.Builder planner) {
    return planner.modularMoe(this::modularMoe).build().plan(parts());
  }

  /// {@return whether a plan has experts on a device beside those on the host}
  ///
  /// @param plan of any layers
  public static boolean divides(MoePlan plan) {
    for (int layer = 0; layer < plan.layers().size(); layer++) {
      if (plan.modularMoe(layer).experts() instanceof OffloadExperts) {
        return true;
      }
    }
    return false;
  }
}
