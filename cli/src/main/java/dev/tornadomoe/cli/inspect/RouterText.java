package dev.tornadomoe.cli.inspect;

import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.Gating;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.SparseMixer;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.family.ModelLayout;
import dev.tornadomoe.layer.family.TableLayout;
import dev.tornadomoe.tensor.text.Ranges;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// How a model chooses its experts, in words.
final class RouterText {
  private static final String MLP = "an MLP that goes on from the layer before";

  private RouterText() {}

  /// As in `sigmoid, correction bias, best 4 of 8 groups by their two highest, top-8, renormalised,
  /// times 2.5`.
  static String of(ModelLayout layout) {
    List<String> words =
        words(
            layout.gating(), layout.router().bias(), !layout.router().correctionBiases().isEmpty());
    add(
        words,
        layout.norms().router() != null,
        layout.router().expertScale() != null,
        layout.routerWeightOnInput());
    if (layout.router().mlp() != null) {
      words.addFirst(MLP);
    }
    TableLayout table = layout.router().table();
    if (table != null) {
      words.add(
          String.format(
              Locale.ROOT,
              "by token id instead in layers %s (calls bring token ids)",
              Ranges.of(table.layers())));
    }
    return String.join(", ", words);
  }

  /// The same for a layer.
  static String of(MoeLayer layer) {
    Router router = layer.router();
    if (router == null) {
      return "none";
    }
    List<String> words =
        words(gating(layer, router), router.bias() != null, router.correctionBias() != null);
    add(
        words,
        layer.norms().router() != null,
        router.expertScale() != null,
        layer.routerWeightOnInput());
    if (router.mlp() != null) {
      words.addFirst(MLP);
    }
    return String.join(", ", words);
  }

  /// As the model has it: of an average, the half is said elsewhere.
  private static Gating gating(MoeLayer layer, Router router) {
    SharedExperts shared = layer.shared();
    return shared != null && shared.isHalf() && router.gating() instanceof TopKGating half
        ? half.scaled(half.scale() * 2)
        : router.gating();
  }

  private static void add(
      List<String> words, boolean hasNorm, boolean hasScales, boolean weightOnInput) {
    if (hasNorm) {
      words.addFirst("its own norm");
    }
    if (hasScales) {
      words.add("times each expert's scale");
    }
    if (weightOnInput) {
      words.add("weight on the expert's input");
    }
  }

  private static List<String> words(Gating routing, boolean biased, boolean corrected) {
    List<String> words = new ArrayList<>();
    if (biased) {
      words.add("bias");
    }
    switch (routing) {
      case TopKGating gating ->
          topK(words, gating, corrected, "top-" + (gating.topK() - gating.always()));
      case TableGating table -> topK(words, table.scores(), false, table.topK() + " by token id");
      case SparseMixer mixer -> words.add("sparse mixer, jitter " + mixer.jitter() + ", top-2");
      case CustomGating custom -> words.add("a function, top-" + custom.topK());
    }
    return words;
  }

  private static void topK(
      List<String> words, TopKGating gating, boolean corrected, String selection) {
    TopKGating.Scoring scoring = gating.scoring();
    switch (scoring) {
      case SOFTMAX -> words.add("softmax");
      case SIGMOID -> words.add("sigmoid");
      case SQRT_SOFTPLUS -> words.add("square root of softplus");
      case SOFTMAX_OF_SELECTED, SIGMOID_OF_SELECTED -> words.add("logits");
    }
    if (corrected) {
      words.add("correction bias");
    }
    TopKGating.Groups groups = gating.groups();
    if (groups != null) {
      words.add(
          String.format(
              Locale.ROOT,
              "best %d of %d groups by their %s%s",
              groups.kept(),
              groups.count(),
              groups.score() == TopKGating.GroupScore.MAX ? "highest" : "two highest",
              groups.zeroed() ? ", others 0" : ""));
    }
    words.add(selection);
    if (gating.always() > 0) {
      words.add("the last " + gating.always() + " always");
    }
    switch (scoring) {
      case SOFTMAX_OF_SELECTED -> words.add("softmax of the selected");
      case SIGMOID_OF_SELECTED -> words.add("sigmoid of the selected");
      case SOFTMAX, SIGMOID, SQRT_SOFTPLUS -> {}
    }
    if (gating.renormalise()) {
      words.add(gating.norm() == 1 ? "renormalised" : "divided by the " + gating.norm() + "-norm");
    }
    if (gating.scale() != 1) {
      words.add("times " + gating.scale());
    }
  }
}
