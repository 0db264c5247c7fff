package dev.tornadomoe.layer;

import dev.tornadomoe.tensor.Weight;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Hidden states to experts: logits = weight x + bias, then the gating. Where an MLP is before
/// them, x is what that makes of the hidden states.
///
/// @param weight `[E, H]`, or `[E, R]` behind an MLP
/// @param bias `[E]`, added to the logits (gpt-oss), or null
/// @param correctionBias `[E]`, added to the scores for the selection only (DeepSeek-V3's
///   `e_score_correction_bias`), or null; without those experts that every token gets
/// @param expertScale `[E]`, what the weights of the chosen are multiplied by last (Gemma 4's
///   `per_expert_scale`), or null
/// @param gating from logits to ids and weights
/// @param mlp what is before the logits, or null
public record Router(
    Weight weight,
    @Nullable Bias bias,
    @Nullable Bias correctionBias,
    @Nullable Bias expertScale,
    Gating gating,
    @Nullable RouterMlp mlp) {

  /// Checked against each other.
  ///
  /// @throws LayerException when the parts do not fit
  public Router {
    int experts = weight.rows();
    if (gating.topK() > experts) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "top-k is %d, but router \"%s\" has only %d experts",
              gating.topK(),
              weight.name(),
              experts));
    }
    if (mlp != null && weight.columns() != mlp.size()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "router \"%s\" has %d columns, but its MLP gives rows of %d",
              weight.name(),
              weight.columns(),
              mlp.size()));
    }
    requireSize("bias", bias, experts);
    int always = gating instanceof TopKGating topK ? topK.always() : 0;
    requireSize("correction bias", correctionBias, experts - always);
    requireSize("expert scale", expertScale, experts);
    if (gating instanceof TopKGating topK && topK.groups() != null) {
      if (always > 0) {
        throw new LayerException("groups of experts don't go with experts that every token gets");
      }
      requireGroups(topK, topK.groups(), experts);
    }
    if (correctionBias != null && !(gating instanceof TopKGating)) {
      throw new LayerException(
          String.format(
              Locale.ROOT, "a correction bias goes with top-k gating, not with %s", gating));
    }
    if (expertScale != null && !(gating instanceof TopKGating)) {
      throw new LayerException(
          String.format(
              Locale.ROOT, "a scale of each expert goes with top-k gating, not with %s", gating));
    }
  }

  /// A router whose experts have no scales of their own.
  ///
  /// @param weight `[E, H]`
  /// @param bias `[E]`, or null
  /// @param correctionBias `[E]`, or null
  /// @param gating from logits to ids and weights
  /// @throws LayerException when the parts do not fit
  public Router(Weight weight, @Nullable Bias bias, @Nullable Bias correctionBias, Gating gating) {
    this(weight, bias, correctionBias, null, gating, null);
  }

  /// This router with half of each weight.
  ///
  /// @throws LayerException for a gating whose weights can't be scaled
  Router halved() {
    Gating half =
        switch (gating) {
          case TopKGating topK -> half(topK);
          case TableGating byTable -> new TableGating(byTable.table(), half(byTable.scores()));
          case SparseMixer _, CustomGating _ ->
              throw new LayerException(
                  String.format(Locale.ROOT, "the weights of %s can't be halved", gating));
        };
    return new Router(weight, bias, correctionBias, expertScale, half, mlp);
  }

  private static TopKGating half(TopKGating gating) {
    return gating.scaled(gating.scale() / 2);
  }

  private static void requireSize(String what, @Nullable Bias bias, int experts) {
    if (bias != null && bias.size() != experts) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "router %s \"%s\" has %d elements, expected %d",
              what,
              bias.values().name(),
              bias.size(),
              experts));
    }
  }

  private static void requireGroups(TopKGating gating, TopKGating.Groups groups, int experts) {
    if (experts % groups.count() != 0) {
      throw new LayerException(
          String.format(
              Locale.ROOT, "%d experts can't be divided into %d groups", experts, groups.count()));
    }
    int selectable = experts / groups.count() * groups.kept();
    if (gating.topK() > selectable && !groups.zeroed()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "top-k is %d, but %d of %d groups hold only %d experts",
              gating.topK(),
              groups.kept(),
              groups.count(),
              selectable));
    }
    if (groups.score() == TopKGating.GroupScore.SUM_OF_TWO && experts / groups.count() < 2) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "groups of one expert can't be judged by their two highest scores (%d experts, %d"
                  + " groups)",
              experts,
              groups.count()));
    }
  }

  /// {@return what is added to each expert's score for the selection, `[E]`, or null where nothing
  /// is: the correction bias, and infinity for experts that every token gets}
  public float @Nullable [] corrections() {
    int always = gating instanceof TopKGating topK ? topK.always() : 0;
    if (always == 0) {
      return correctionBias == null ? null : correctionBias.toFloats();
    }
    float[] corrections = new float[experts()];
    if (correctionBias != null) {
      System.arraycopy(correctionBias.toFloats(), 0, corrections, 0, correctionBias.size());
    }
    Arrays.fill(corrections, experts() - always, experts(), Float.POSITIVE_INFINITY);
    return corrections;
  }

  /// {@return e, the number of experts it chooses from}
  public int experts() {
    return weight.rows();
  }

  /// {@return H, the width of the rows that it takes}
  public int hidden() {
    return mlp == null ? weight.columns() : mlp.columns();
  }

  /// {@return k, experts per token}
  public int topK() {
    return gating.topK();
  }
}
