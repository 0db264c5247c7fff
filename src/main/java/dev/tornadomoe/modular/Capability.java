package dev.tornadomoe.modular;

/// What experts promise about how they write their output. The planner builds on these, so each is
/// a contract; `--sanitize` checks them.
public enum Capability {
  /// Rows are added to what is there, so they must be zeroed first. Without this they overwrite.
  ACCUMULATES_INTO_OUTPUT,
  /// No operation reads the experts' input after the first write to the output, and one that does
  /// both has read all of its input before it writes.
  INPUT_CONSUMED_BEFORE_OUTPUT,
  /// A token none of whose experts is here gets a row of zeros.
  ZEROES_ROWS_WITHOUT_LOCAL_EXPERTS,
  /// Output rows may lie further apart than H.
  ROW_STRIDE_OK,
  /// Calls may be cut into slices of tokens.
  CHUNKABLE
}
