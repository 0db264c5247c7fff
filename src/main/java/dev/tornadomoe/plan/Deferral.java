package dev.tornadomoe.plan;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Whether a caller can weight and sum the experts' rows instead of the layer. What the caller sums
/// must be the whole layer: the rows of k experts of the caller's own tokens, each of them written,
/// times the router's weights. Whatever else belongs to a layer's result (shared experts) is
/// nothing that the caller has.
final class Deferral {
  private Deferral() {}

  /// @throws PlanException naming the layer and what is in the way
  static void require(MoeLayer layer, ModularMoe modularMoe) {
    String refusal = refusal(layer, modularMoe);
    if (refusal != null) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "layer %d: the caller can't make the sum (output DEFERRED): %s",
              layer.index(),
              refusal));
    }
  }

  private static @Nullable String refusal(MoeLayer layer, ModularMoe modularMoe) {
    if (!modularMoe.prepareAndFinalize().supportsDeferral()) {
      return String.format(
          Locale.ROOT,
          "prepare/finalize \"%s\" must combine the rows that it dispatched",
          modularMoe.prepareAndFinalize().name());
    }
    if (!(modularMoe.reduce() instanceof TopKWeightAndReduce.Contiguous)) {
      return String.format(
          Locale.ROOT,
          "experts \"%s\" leave no rows [M*k, H]; experts \"unreduced\" do",
          modularMoe.experts().name());
    }
    if (layer.shared() != null) {
      return "its shared experts' rows belong to the sum";
    }
    if (layer.latent() != null) {
      return "its experts' rows are of another size, which its own weights widen after the sum";
    }
    if (layer.norms().output() != null) {
      return "its own norm follows the sum, and the caller does not have it";
    }
    if (layer.identityExperts() > 0) {
      return "experts without weights have no rows, and their part belongs to the sum";
    }
    if (layer.experts().map().isPartial()) {
      return String.format(
          Locale.ROOT,
          "only %s experts are here, and the rows of the others would stay unwritten",
          layer.experts().map());
    }
    if (layer.routerWeightOnInput()) {
      return "router weights are on the input, so its rows are finished";
    }
    return null;
  }
}
