package dev.tornadomoe.layer;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Scores, an optional restriction to groups, the k highest, their weights:
///
/// 1. score each expert ([Scoring]);
/// 2. for the selection only, add the router's correction bias if it has one;
/// 3. keep the best groups of experts, if there are groups;
/// 4. take the k highest;
/// 5. their weights are the scores without the correction bias; divide by their sum + `epsilon`, or
///    `leastSum` if that is more, if `renormalise`; multiply by `scale`. The sum is their
///    `norm`-norm, `(sum of weight^norm)^(1 / norm)`.
///
/// The last `always` experts are among the k for every token, whatever their scores, and are
/// weighed with the others (Inkling's shared experts). They come first, then the highest of the
/// others.
///
/// Logits, scores, biases, sums of groups and what is compared are F32, and of equal ones the first
/// counts, in every backend: scores that differ in exact arithmetic are often equal in F32 (a
/// sigmoid of a logit above 17 is 1), and the models' own code takes them for equal. A NaN is
/// higher than all numbers, as in `torch.topk`: it is chosen, so that the token's result is NaN.
///
/// @param topK experts per token
/// @param scoring how logits become scores
/// @param groups restriction to groups, or null
/// @param renormalise whether the weights are made to sum to 1
/// @param scale factor on every weight, after renormalisation
/// @param epsilon what is added to the sum of the weights before dividing by it: [#USUAL_EPSILON],
///   or a model's own
/// @param leastSum the least that weights are divided by: 0, or llama.cpp's 2^-14
/// @param norm the norm that weights are divided by: 1, their sum, or DBRX's p
/// @param always how many experts, the router's last, every token gets
public record TopKGating(
    int topK,
    Scoring scoring,
    @Nullable Groups groups,
    boolean renormalise,
    float scale,
    float epsilon,
    float leastSum,
    float norm,
    int always)
    implements Gating {
  /// DeepSeek-V3's, which keeps the division from failing and changes no result.
  public static final float USUAL_EPSILON = 1e-20f;

  /// How logits become scores.
  public enum Scoring {
    /// softmax over all experts, then the selection
    SOFTMAX,
    /// a sigmoid for each expert, then the selection
    SIGMOID,
    /// selection by logits, then softmax over the selected
    SOFTMAX_OF_SELECTED,
    /// selection by logits, then a sigmoid for each selected
    SIGMOID_OF_SELECTED,
    /// the square root of softplus, `sqrt(ln(1 + e^x))`, for each expert, then the selection
    /// (DeepSeek-V4)
    SQRT_SOFTPLUS;

    /// {@return whether an expert's score depends on its own logit alone}
    public boolean isPerExpert() {
      return this == SIGMOID || this == SQRT_SOFTPLUS;
    }
  }

  /// What a group of experts is judged by.
  public enum GroupScore {
    /// its highest score (DeepSeek-V2)
    MAX,
    /// the sum of its two highest scores (DeepSeek-V3)
    SUM_OF_TWO
  }

  /// Restriction of the selection to the best groups of consecutive experts.
  ///
  /// @param count groups in all
  /// @param kept groups whose experts can be selected
  /// @param score what a group is judged by
  /// @param zeroed whether the other groups' experts are chosen by a score of 0 (A.X-K2), so that
  ///   they come before those with a negative one; otherwise they come last
  public record Groups(int count, int kept, GroupScore score, boolean zeroed) {

    /// Checked numbers.
    ///
    /// @throws LayerException when not 1 <= kept <= count
    public Groups {
      if (kept < 1 || kept > count) {
        throw new LayerException(
            String.format(Locale.ROOT, "%d of %d expert groups can't be kept", kept, count));
      }
    }

    /// Groups whose experts come last where they are not kept.
    ///
    /// @param count groups in all
    /// @param kept groups whose experts can be selected
    /// @param score what a group is judged by
    public Groups(int count, int kept, GroupScore score) {
      this(count, kept, score, false);
    }
  }

  /// Checked numbers.
  ///
  /// @throws LayerException for k below 1, a scale that is no finite number, an epsilon or least
  ///   sum that is none or negative, a norm that is not above 0, or more experts for every token
  ///   than k
  public TopKGating {
    if (topK < 1) {
      throw new LayerException(
          String.format(Locale.ROOT, "top-k must be 1 or more, found %d", topK));
    }
    if (!Float.isFinite(scale)) {
      throw new LayerException(
          String.format(Locale.ROOT, "routed scaling factor must be finite, found %s", scale));
    }
    if (!(epsilon >= 0) || !Float.isFinite(epsilon)) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "epsilon of the renormalisation must be finite and 0 or more, found %s",
              epsilon));
    }
    if (!(leastSum >= 0) || !Float.isFinite(leastSum)) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "the least sum of the renormalisation must be finite and 0 or more, found %s",
              leastSum));
    }
    if (!(norm > 0) || !Float.isFinite(norm)) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "the norm of the renormalisation must be finite and above 0, found %s",
              norm));
    }
    if (always < 0 || always > topK) {
      throw new LayerException(
          String.format(
              Locale.ROOT, "%d of a token's %d experts can't be for every token", always, topK));
    }
  }

  /// With its own epsilon and least sum.
  ///
  /// @param topK k, experts per token
  /// @param scoring how logits become scores
  /// @param groups which experts come into question, or null for all
  /// @param renormalise whether the k weights are divided by their sum
  /// @param scale what the weights are multiplied by last
  /// @param epsilon what is added to the sum before dividing by it
  /// @param leastSum the least that weights are divided by
  public TopKGating(
      int topK,
      Scoring scoring,
      @Nullable Groups groups,
      boolean renormalise,
      float scale,
      float epsilon,
      float leastSum) {
    this(topK, scoring, groups, renormalise, scale, epsilon, leastSum, 1, 0);
  }

  /// With its own epsilon.
  ///
  /// The least sum stays the usual one.
  ///
  /// @param topK k, experts per token
  /// @param scoring how logits become scores
  /// @param groups which experts come into question, or null for all
  /// @param renormalise whether the k weights are divided by their sum
  /// @param scale what the weights are multiplied by last
  /// @param epsilon what is added to the sum before dividing by it
  public TopKGating(
      int topK,
      Scoring scoring,
      @Nullable Groups groups,
      boolean renormalise,
      float scale,
      float epsilon) {
    this(topK, scoring, groups, renormalise, scale, epsilon, 0);
  }

  /// With the usual epsilon.
  ///
  /// @param topK k, experts per token
  /// @param scoring how logits become scores
  /// @param groups which experts come into question, or null for all
  /// @param renormalise whether the k weights are divided by their sum
  /// @param scale what the weights are multiplied by last
  public TopKGating(
      int topK, Scoring scoring, @Nullable Groups groups, boolean renormalise, float scale) {
    this(topK, scoring, groups, renormalise, scale, USUAL_EPSILON);
  }

  /// softmax, then the k highest.
  ///
  /// @param topK k, experts per token
  /// @param renormalise whether the k weights are divided by their sum
  /// @return Mixtral's gating with `renormalise`, OLMoE's without
  public static TopKGating softmax(int topK, boolean renormalise) {
    return new TopKGating(topK, Scoring.SOFTMAX, null, renormalise, 1);
  }

  /// The k highest logits, then softmax over them.
  ///
  /// @param topK k, experts per token
  /// @return gpt-oss's gating
  public static TopKGating softmaxOfSelected(int topK) {
    return new TopKGating(topK, Scoring.SOFTMAX_OF_SELECTED, null, false, 1);
  }

  /// {@return this gating with a factor on every weight}
  ///
  /// @param factor DeepSeek's `routed_scaling_factor`
  public TopKGating scaled(float factor) {
    return new TopKGating(
        topK, scoring, groups, renormalise, factor, epsilon, leastSum, norm, always);
  }

  /// {@return this gating restricted to the best groups}
  ///
  /// @param restriction how many groups there are and how many count
  public TopKGating grouped(Groups restriction) {
    return new TopKGating(
        topK, scoring, restriction, renormalise, scale, epsilon, leastSum, norm, always);
  }

  /// {@return this gating with another epsilon}
  ///
  /// @param added to the sum of the k weights before dividing by it
  public TopKGating withEpsilon(float added) {
    return new TopKGating(topK, scoring, groups, renormalise, scale, added, leastSum, norm, always);
  }

  /// {@return this gating with a least sum to divide by}
  ///
  /// @param least the sum is taken as at least this
  public TopKGating withLeastSum(float least) {
    return new TopKGating(topK, scoring, groups, renormalise, scale, epsilon, least, norm, always);
  }

  /// {@return this gating with weights that are divided by another norm than their sum}
  ///
  /// @param p of the p-norm
  public TopKGating withNorm(float p) {
    return new TopKGating(topK, scoring, groups, renormalise, scale, epsilon, leastSum, p, always);
  }

  /// {@return this gating with some experts more, which every token gets}
  ///
  /// @param count how many, the router's last, beside the k of this gating
  /// @throws LayerException where that makes k more than an int
  public TopKGating withAlways(int count) {
    if ((long) topK + count > Integer.MAX_VALUE) {
      throw new LayerException(
          String.format(
              Locale.ROOT, "top-k %d and %d for every token are more than 2^31 - 1", topK, count));
    }
    return new TopKGating(
        topK + count, scoring, groups, renormalise, scale, epsilon, leastSum, norm, always + count);
  }
}
