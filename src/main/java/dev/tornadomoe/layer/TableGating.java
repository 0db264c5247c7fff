package dev.tornadomoe.layer;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.TensorView;
import java.util.Locale;

/// Experts by a table of token ids, whatever the router's logits (DeepSeek-V4's hash layers): token
/// id i gets the experts `table[i]`, in that order. Their weights are the router's scores of them,
/// weighed as [TopKGating] does it.
///
/// @param table `[vocabulary, k]`, I32 or I64, each row distinct experts; read when a session loads
///   it
/// @param scores scoring, renormalisation and scale of the weights; it restricts no groups, since
///   nothing is selected
public record TableGating(TensorView table, TopKGating scores) implements Gating {

  /// Checked against each other.
  ///
  /// @throws LayerException for another shape or type of table, or scores that depend on which
  ///   experts are selected
  public TableGating {
    if (table.shape().rank() != 2
        || table.shape().dimension(0) < 1
        || table.shape().dimension(0) > Integer.MAX_VALUE
        || table.shape().dimension(1) != scores.topK()
        || (table.dtype() != DType.I32 && table.dtype() != DType.I64)) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "table \"%s\" is %s %s, expected I32 or I64 [vocabulary, %d]",
              table.name(),
              table.dtype(),
              table.shape(),
              scores.topK()));
    }
    if (!scores.scoring().isPerExpert() || scores.groups() != null || scores.always() > 0) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "table \"%s\" chooses the experts, so each is scored by itself, in no group and none"
                  + " always; found %s%s%s",
              table.name(),
              scores.scoring(),
              scores.groups() == null ? "" : " with groups",
              scores.always() == 0 ? "" : ", " + scores.always() + " always"));
    }
  }

  /// {@return the number of token ids}
  public int vocabulary() {
    return Math.toIntExact(table.shape().dimension(0));
  }

  /// {@return one of a token's experts, as it is stored}
  ///
  /// @param tokenId 0 to [#vocabulary] - 1
  /// @param slot 0 to k - 1
  public long expert(int tokenId, int slot) {
    return table.getLong((long) tokenId * topK() + slot);
  }

  @Override
  public int topK() {
    return scores.topK();
  }

  @Override
  public TokenKey key() {
    return new TokenKey(TokenKey.Kind.ID, vocabulary());
  }
}
