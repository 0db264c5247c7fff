package dev.tornadomoe.plan;

/// Why `fused_out` is, or is not, the caller's output. docs/explain.md has the table of all
/// situations and where each is decided.
public enum ReasonCode {
  ALIASED("the experts write the caller's output, nothing is copied"),
  NEEDS_ZERO_INIT("the experts add to the caller's output, which a step zeroes first"),
  INPLACE_OK("the output is the hidden states' own memory, which are read before it is written"),
  NO_TOKENS("there are no tokens, so nothing is written"),
  DISABLED_BY_USER("output aliasing is switched off"),
  EXPERT_NOT_OPTED_IN("the experts do not say that they can write the output directly"),
  REDUCE_IN_FINALIZE("finalize weights and sums the experts' rows, so they are no output yet"),
  REDUCE_ZEROES_FIRST("finalize zeroes the output before it reads the experts' rows"),
  BATCHED_FORMAT("the experts write batches per expert, not the tokens' rows"),
  NONLOCAL_FINALIZE("finalize combines results of other processes while it writes the output"),
  EP_ROWS_NOT_ZEROED("tokens without local experts would keep what was in the output"),
  DTYPE_MISMATCH("the output has another element type than the experts write"),
  SHAPE_MISMATCH("the output's rows lie differently from those the experts write"),
  LAYOUT_MISMATCH("the output is not aligned as the experts need it"),
  MEMORY_KIND("the output lives in another memory than the experts write to"),
  INPUT_READ_AFTER_WRITE("the experts read the hidden states after writing over them"),
  INPUT_STILL_LIVE("the hidden states are still needed when the experts write over them"),
  WRITE_MODE_CONFLICT("the output holds the residual, and the experts would overwrite it"),
  CHUNK_FACTOR("the call is cut into chunks whose rows are not the tokens' rows"),
  OUTPUT_NOT_EXCLUSIVE("somebody else may use the output while the call runs");

  private final String meaning;

  ReasonCode(String meaning) {
    this.meaning = meaning;
  }

  /// In plain words.
  public String meaning() {
    return meaning;
  }
}
