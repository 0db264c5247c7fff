package dev.tornadomoe.plan;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ActivationFormat;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.ExpertSide;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.Support;
import java.util.List;
import java.util.Locale;

/// What a planner demands of layers, pieces and buckets; each check throws a [PlanException].
final class PlanChecks {
  private PlanChecks() {}

  /// All layers of a whole step get the same memory, so its shape must suit each.
  static void requireSameArguments(List<MoeLayer> layers, CallSpec call) {
    MoeLayer first = layers.getFirst();
    for (MoeLayer layer : layers) {
      requireSame("hidden size", layer, layer.hidden(), first, first.hidden());
      if (!call.callerRoutes()) {
        requireSame("router states of", layer, layer.routerStates(), first, first.routerStates());
      }
      if (call.takesRouting()) {
        requireSame("top-k", layer, layer.topK(), first, first.topK());
      }
    }
  }

  private static void requireSame(
      String what, MoeLayer layer, int found, MoeLayer first, int expected) {
    if (found != expected) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "layer %d has %s %d, expected %d as in layer %d: a whole step gives all layers the"
                  + " same arguments",
              layer.index(),
              what,
              found,
              expected,
              first.index()));
    }
  }

  /// The pieces take the layer, and chunks where calls are cut into them.
  static void requireSupport(MoeLayer layer, ModularMoe modularMoe, PlanOptions options) {
    Support support = modularMoe.experts().supports(layer);
    if (support.refusal() != null) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "layer %d can't be computed by experts \"%s\": %s",
              layer.index(),
              modularMoe.experts().name(),
              support.refusal()));
    }
    Problem problem = Problem.of(layer, options.chunkTokens());
    support = modularMoe.prepareAndFinalize().supports(problem);
    if (support.refusal() != null) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "layer %d can't be served by prepare/finalize \"%s\": %s",
              layer.index(),
              modularMoe.prepareAndFinalize().name(),
              support.refusal()));
    }
    if (options.call().output() == OutputForm.DEFERRED) {
      Deferral.require(layer, modularMoe);
    }
    if (layer.norms().output() != null) {
      requireWholeSum(layer, modularMoe, "the layer's own norm");
    }
    if (layer.latent() != null && layer.latent().outBias() != null) {
      requireWholeSum(layer, modularMoe, "the bias behind the latent projection");
    }
    if (options.call().norm() != null) {
      requireWholeSum(layer, modularMoe, "the norm that the tail writes");
    }
    boolean chunked = options.chunkTokens() < options.maxTokens();
    if (chunked
        && (modularMoe.experts().format() == ActivationFormat.BATCHED
            || !modularMoe.experts().capabilities().contains(Capability.CHUNKABLE))) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "experts \"%s\" can't work on a call in chunks (of %d tokens, for up to %d)",
              modularMoe.experts().name(),
              options.chunkTokens(),
              options.maxTokens()));
    }
    if (chunked && !modularMoe.prepareAndFinalize().isLocal()) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "prepare/finalize \"%s\" can't work on a call in chunks (of %d tokens, for up to %d):"
                  + " others may have other numbers of them",
              modularMoe.prepareAndFinalize().name(),
              options.chunkTokens(),
              options.maxTokens()));
    }
  }

  /// A norm is of finished rows, and a bias is added once: where some experts are elsewhere and
  /// nobody here has their part, the rows are not finished.
  private static void requireWholeSum(MoeLayer layer, ModularMoe modularMoe, String what) {
    List<ExpertSide> sides = modularMoe.experts().sides(layer);
    int summed =
        sides.isEmpty()
            ? layer.experts().map().localExperts()
            : sides.stream().mapToInt(ExpertSide::experts).sum();
    if (modularMoe.prepareAndFinalize().isLocal()
        && summed + layer.identityExperts() < layer.globalExperts()) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "layer %d: only %s experts are here, so its rows are a part of the sum, and %s is of"
                  + " the whole",
              layer.index(),
              layer.experts().map(),
              what));
    }
  }

  /// Each layer writes its output without a copy.
  static void requireAliases(List<MoeLayer> layers, BucketPlan bucket) {
    for (int i = 0; i < layers.size(); i++) {
      AliasDecision decision = bucket.decisions().get(i);
      if (!decision.aliased()) {
        throw new PlanException(
            String.format(
                Locale.ROOT,
                "layer %d, %d to %d tokens: the output alias is required but refused: %s",
                layers.get(i).index(),
                bucket.minTokens(),
                bucket.maxTokens(),
                decision.explanation()));
      }
    }
  }
}
