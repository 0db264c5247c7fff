package dev.tornadomoe.layer.family;

import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.Locale;

/// What parts of a layout don't go together, however it was made: a layer of them would leave one
/// out, or compute something else than it says.
record LayoutChecks(ModelLayout layout) {

  /// @throws LayerException for such a layout
  void run() {
    requireCount();
    requireTopKGating();
    requireWeighedShared();
    requirePart();
    if (layout.sumBias() != null && !sumsToOne()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "a bias on the weighted sum (\"%s\") goes with weights that sum to 1 and experts that"
                  + " all have weights",
              layout.sumBias()));
    }
  }

  private int shared() {
    WeighedShared shared = layout.weighedShared();
    return shared == null ? 0 : shared.count();
  }

  private void requireCount() {
    if ((long) layout.experts() + layout.identityExperts() + shared() > Integer.MAX_VALUE) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "%d experts, %d that return their input and %d shared ones are more than 2^31 - 1",
              layout.experts(),
              layout.identityExperts(),
              shared()));
    }
    if (layout.gating().topK() > layout.routed()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "top-k is %d, but there are only %d experts",
              layout.gating().topK(),
              layout.routed()));
    }
  }

  /// Tables and stored factors are parts of one way to route.
  private void requireTopKGating() {
    if (!(layout.gating() instanceof TopKGating)) {
      RouterLayout router = layout.router();
      String part = router.table() != null ? "a table of token ids" : "a factor on the weights";
      if (router.table() != null || router.scale() != null) {
        throw new LayerException(
            String.format(
                Locale.ROOT, "%s goes with top-k gating, not with %s", part, layout.gating()));
      }
    }
  }

  /// The gating chooses the router's last experts always, so these must be the shared ones.
  private void requireWeighedShared() {
    int always = layout.gating() instanceof TopKGating gating ? gating.always() : 0;
    if (shared() > 0 && (always != shared() || layout.identityExperts() > 0)) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "%d shared experts are the router's last, but the gating chooses %d always and %d"
                  + " that return their input come last",
              shared(),
              always,
              layout.identityExperts()));
    }
    if (shared() > 0 && layout.averaged()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "%d shared experts are in the router's sum, so there is no average with them",
              shared()));
    }
  }

  /// Only experts that are stored one by one can be told apart by their numbers.
  private void requirePart() {
    int routers = layout.part().routers();
    if (routers > 1
        && !layout.storages().stream().allMatch(ExpertStorage.PerExpert.class::isInstance)) {
      throw new LayerException(
          String.format(
              Locale.ROOT, "a block with %d routers needs experts stored one by one", routers));
    }
    if ((long) routers * layout.experts() > Integer.MAX_VALUE) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "%d experts for each of %d routers are more than 2^31 - 1",
              layout.experts(),
              routers));
    }
  }

  private boolean sumsToOne() {
    return layout.gating() instanceof TopKGating gating
        && (gating.renormalise() || gating.scoring() == TopKGating.Scoring.SOFTMAX_OF_SELECTED)
        && gating.norm() == 1
        && gating.scale() == 1
        && gating.epsilon() <= TopKGating.USUAL_EPSILON
        && gating.leastSum() == 0
        && layout.router().scale() == null
        && layout.router().expertScale() == null
        && layout.identityExperts() == 0;
  }
}
