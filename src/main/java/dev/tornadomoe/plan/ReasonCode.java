package dev.tornadomoe.plan;

/// Why `fused_out` is, or is not, the caller's output. docs/explain.md has the table of all
/// situations and where each is decided.
public enum ReasonCode {
  /// `fused_out` is the output: no copy is left.
  ALIASED("the experts write the caller's output, nothing is copied"),
  /// Aliased, with a step that zeroes the output for experts that accumulate.
  NEEDS_ZERO_INIT("the experts add to the caller's output, which a step zeroes first"),
  /// Aliased, although the caller's output is the hidden states' memory.
  INPLACE_OK("the output is the hidden states' own memory, which are read before it is written"),
  /// Aliased, with a norm of the layer's own that is done in the output.
  NORM_IN_PLACE("the layer's own norm makes the experts' rows final, each row where it lies"),
  /// Aliased: [OutputForm#DEFERRED].
  FINALIZE_DEFERRED("the caller weights and sums the experts' rows, which are its output"),
  /// Aliased, although the output is F16 or BF16: F32 rows lie nowhere.
  ROUNDED_BY_LAST_STEP("the last step rounds finished rows to the output's element type"),
  /// The bucket of calls without tokens.
  NO_TOKENS("there are no tokens, so nothing is written"),
  /// [AliasMode#OFF].
  DISABLED_BY_USER("output aliasing is switched off"),
  /// [dev.tornadomoe.modular.Experts#supportsOutputAlias] is false.
  EXPERT_NOT_OPTED_IN("the experts do not say that they can write the output directly"),
  /// `fused_out` is `[M*k, H]`: rows of pairs.
  REDUCE_IN_FINALIZE("finalize weights and sums the experts' rows, so they are no output yet"),
  /// `fused_out` would be lost before it is read.
  REDUCE_ZEROES_FIRST("finalize zeroes the output before it reads the experts' rows"),
  /// `fused_out` is `[E, T, H]`.
  BATCHED_FORMAT("the experts write batches per expert, not the tokens' rows"),
  /// [dev.tornadomoe.modular.PrepareAndFinalize#isLocal] is false.
  NONLOCAL_FINALIZE("finalize combines results of other processes while it writes the output"),
  /// The experts skip tokens none of whose experts are here.
  EP_ROWS_NOT_ZEROED("tokens without local experts would keep what was in the output"),
  /// The output is F16 or BF16, and some step needs finished rows in F32, or adds to them.
  DTYPE_MISMATCH("the output has another element type than the experts write"),
  /// The output's row stride is not H, and the experts need rows that follow each other.
  SHAPE_MISMATCH("the output's rows lie differently from those the experts write"),
  /// The output's alignment is less than the experts ask for.
  LAYOUT_MISMATCH("the output is not aligned as the experts need it"),
  /// The output is not where the backend's own buffers are.
  MEMORY_KIND("the output lives in another memory than the experts write to"),
  /// A later step of the experts reads the hidden states.
  INPUT_READ_AFTER_WRITE("the experts read the hidden states after writing over them"),
  /// Finalize or a shared expert reads the hidden states later on.
  INPUT_STILL_LIVE("the hidden states are still needed when the experts write over them"),
  /// The residual is added in place, which needs experts that accumulate.
  WRITE_MODE_CONFLICT("the output holds the residual, and the experts would overwrite it"),
  /// Chunks of rows of pairs do not come out as chunks of tokens.
  CHUNK_FACTOR("the call is cut into chunks whose rows are not the tokens' rows"),
  /// [Planner.Builder#sharedOutput] was set.
  OUTPUT_NOT_EXCLUSIVE("somebody else may use the output while the call runs");

  private final String meaning;

  ReasonCode(String meaning) {
    this.meaning = meaning;
  }

  /// {@return the reason as a clause, for people}
  public String meaning() {
    return meaning;
  }
}
