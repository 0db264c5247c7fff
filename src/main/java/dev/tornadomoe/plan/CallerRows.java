package dev.tornadomoe.plan;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.DType;

/// How a region of the caller's memory lies: what a [CallSpec] promises of it, for one layer.
///
/// @param region which
/// @param type of its elements
/// @param rowsPerToken rows that belong to each token; 0 where all tokens share a single row
/// @param width elements of a row
/// @param stride elements from one row to the next
public record CallerRows(
    CallerRegion region, DType type, int rowsPerToken, int width, long stride) {

  /// {@return the rows of a region}
  ///
  /// @param call what the caller promises
  /// @param region any
  /// @param layer whose sizes count
  public static CallerRows of(CallSpec call, CallerRegion region, MoeLayer layer) {
    int hidden = layer.hidden();
    return switch (region) {
      case HIDDEN, RESIDUAL -> new CallerRows(region, call.hiddenType(), 1, hidden, hidden);
      case OUTPUT ->
          new CallerRows(
              region,
              call.outputType(),
              call.output() == OutputForm.DEFERRED ? layer.topK() : 1,
              hidden,
              call.outputStride() == 0 ? hidden : call.outputStride());
      case TOPK_IDS -> new CallerRows(region, DType.I32, 1, layer.topK(), layer.topK());
      case TOPK_WEIGHTS -> new CallerRows(region, DType.F32, 1, layer.topK(), layer.topK());
      case TOKEN_IDS -> new CallerRows(region, DType.I32, 1, 1, 1);
      case ROUTER_STATES ->
          new CallerRows(region, DType.F32, 1, layer.routerStates(), layer.routerStates());
      case NORM_WEIGHTS -> new CallerRows(region, DType.F32, 0, hidden, hidden);
      case NORMED -> new CallerRows(region, call.outputType(), 1, hidden, hidden);
    };
  }

  /// {@return how many rows there are}
  ///
  /// @param tokens M
  public long rows(int tokens) {
    return rowsPerToken == 0 ? 1 : (long) tokens * rowsPerToken;
  }

  /// {@return elements from the first to the last, with what stands between rows and behind the
  /// last}
  ///
  /// @param tokens M
  public long elements(int tokens) {
    return Math.multiplyExact(rows(tokens), stride);
  }

  /// {@return bytes from one token's first row to the next token's, 0 where all share it}
  public long tokenBytes() {
    return rowsPerToken * stride * type.bytes();
  }
}
