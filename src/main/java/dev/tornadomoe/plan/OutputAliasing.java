package dev.tornadomoe.plan;

import dev.tornadomoe.modular.ActivationFormat;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.Experts;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.plan.AliasDecision.Reason;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// The output alias: decides whether `fused_out` of a layer can be the caller's output, so that the
/// experts write it and the copy goes away. Illegal unless everything is proven; all reasons
/// against it are collected, so that a user who mends one sees the next.
///
/// The rules are those of the table in docs/explain.md. What the planner can't know (that two
/// segments overlap, that an arena is closed) is checked at each call.
final class OutputAliasing {
  private static final Set<Operand> OUTPUT_MEMORY = Set.of(Operand.OUTPUT, Operand.FUSED_OUT);

  private final LayerDraft draft;
  private final PlanOptions options;
  private final List<Reason> refusals = new ArrayList<>();

  private OutputAliasing(LayerDraft draft, PlanOptions options) {
    this.draft = draft;
    this.options = options;
  }

  /// Decides for one layer in one bucket.
  ///
  /// @param draft the layer, unaliased, additions folded
  static AliasDecision decide(LayerDraft draft, PlanOptions options) {
    return new OutputAliasing(draft, options).decide();
  }

  private AliasDecision decide() {
    if (draft.problem().tokens() == 0) {
      return AliasDecision.refused(List.of(Reason.of(ReasonCode.NO_TOKENS)));
    }
    if (options.aliasing() == AliasMode.OFF) {
      refuse(ReasonCode.DISABLED_BY_USER);
    }
    checkModularMoe();
    checkOutput();
    if (refusals.isEmpty()) {
      // With the experts' rows elsewhere these could not occur, so they are no reasons of their
      // own.
      checkHazards();
    }
    if (!refusals.isEmpty()) {
      return AliasDecision.refused(refusals);
    }
    List<Reason> reasons = new ArrayList<>();
    reasons.add(Reason.of(ReasonCode.ALIASED));
    if (isDeferred()) {
      reasons.add(Reason.of(ReasonCode.FINALIZE_DEFERRED));
    }
    if (isShort()) {
      reasons.add(
          Reason.of(ReasonCode.ROUNDED_BY_LAST_STEP, options.call().outputType().toString()));
    }
    if (has(Capability.ACCUMULATES_INTO_OUTPUT)) {
      reasons.add(Reason.of(ReasonCode.NEEDS_ZERO_INIT));
    }
    if (draft.layer().norms().output() != null) {
      reasons.add(Reason.of(ReasonCode.NORM_IN_PLACE));
    }
    if (options.call().inPlace()) {
      reasons.add(Reason.of(ReasonCode.INPLACE_OK));
    }
    return AliasDecision.aliased(reasons);
  }

  private void checkModularMoe() {
    Experts experts = draft.modularMoe().experts();
    Problem problem = draft.problem();
    Problem expertProblem = draft.modularMoe().expertProblem(problem);
    if (!draft.modularMoe().prepareAndFinalize().isLocal()) {
      refuse(ReasonCode.NONLOCAL_FINALIZE, draft.modularMoe().prepareAndFinalize().name());
      return; // whatever else is against it follows from rows being elsewhere
    }
    if (draft.layer().latent() != null) {
      refuse(
          ReasonCode.SHAPE_MISMATCH,
          String.format(
              Locale.ROOT,
              "experts write rows of %d, output has rows of %d",
              problem.hidden(),
              draft.layer().hidden()));
      return; // another step writes the output, at once
    }
    if (experts.format() == ActivationFormat.BATCHED) {
      refuse(ReasonCode.BATCHED_FORMAT);
    }
    switch (draft.modularMoe().reduce()) {
      case TopKWeightAndReduce.NoOp noOp -> {
        if (!draft.onlyHandsOver()) {
          refuse(
              ReasonCode.REDUCE_IN_FINALIZE,
              String.format(
                  Locale.ROOT,
                  "\"%s\" does more than hand them over",
                  draft.modularMoe().prepareAndFinalize().name()));
        }
      }
      case TopKWeightAndReduce.NaiveBatched batched -> refuse(ReasonCode.REDUCE_ZEROES_FIRST);
      case TopKWeightAndReduce.Contiguous contiguous -> {
        if (!isDeferred()) {
          refuse(ReasonCode.REDUCE_IN_FINALIZE);
        }
      }
      case TopKWeightAndReduce.Delegate delegate ->
          throw new IllegalStateException("ModularMoe lets no unresolved reduce pass");
    }
    if (!experts.supportsOutputAlias(expertProblem)) {
      refuse(ReasonCode.EXPERT_NOT_OPTED_IN, experts.name());
    }
    if (draft.layer().experts().map().isPartial()
        && !has(Capability.ZEROES_ROWS_WITHOUT_LOCAL_EXPERTS)
        && !has(Capability.ACCUMULATES_INTO_OUTPUT)) {
      refuse(
          ReasonCode.EP_ROWS_NOT_ZEROED,
          String.format(Locale.ROOT, "%s experts are here", draft.layer().experts().map()));
    }
    Shape rows = Shape.of(isDeferred() ? problem.pairs() : problem.tokens(), problem.hidden());
    Shape written = experts.outputShape(expertProblem);
    if (!written.equals(rows)) {
      refuse(
          ReasonCode.SHAPE_MISMATCH,
          String.format(Locale.ROOT, "experts write %s, output is %s", written, rows));
      if (options.chunkTokens() < options.maxTokens()
          && written.dimension(0) != rows.dimension(0)) {
        refuse(
            ReasonCode.CHUNK_FACTOR,
            String.format(
                Locale.ROOT, "chunks of %d tokens are %s", options.chunkTokens(), written));
      }
    }
  }

  private void checkOutput() {
    CallSpec call = options.call();
    if (isShort()) {
      String refusal = Rounding.refusal(draft.withAlias(), OUTPUT_MEMORY, call.outputType());
      if (refusal != null) {
        refuse(ReasonCode.DTYPE_MISMATCH, refusal);
      }
    }
    int stride = call.outputStride();
    if (stride != 0 && stride != draft.layer().hidden() && !has(Capability.ROW_STRIDE_OK)) {
      refuse(
          ReasonCode.SHAPE_MISMATCH,
          String.format(
              Locale.ROOT,
              "rows of %d elements, output rows %d apart",
              draft.layer().hidden(),
              stride));
    }
    if (call.outputAlignment() % call.outputType().bytes() != 0) {
      refuse(
          ReasonCode.LAYOUT_MISMATCH,
          String.format(
              Locale.ROOT,
              "aligned to %d bytes, experts need %d",
              call.outputAlignment(),
              call.outputType().bytes()));
    }
    if (call.outputMemory() != options.memory()) {
      refuse(
          ReasonCode.MEMORY_KIND,
          String.format(
              Locale.ROOT,
              "experts write %s memory, output is in %s memory",
              options.memory(),
              call.outputMemory()));
    }
    if (!call.exclusive()) {
      refuse(ReasonCode.OUTPUT_NOT_EXCLUSIVE);
    }
  }

  private void checkHazards() {
    LayerDraft aliased = draft.withAlias();
    if (options.call().inPlace()) {
      Hazard hazard = Hazards.find(aliased, Operand.HIDDEN, OUTPUT_MEMORY);
      if (hazard != null) {
        refusals.add(
            Reason.of(
                hazard.readPhase() == Phase.EXPERTS
                    ? ReasonCode.INPUT_READ_AFTER_WRITE
                    : ReasonCode.INPUT_STILL_LIVE,
                hazard));
      }
    }
    if (options.call().residual() == Residual.IN_OUTPUT) {
      Hazard hazard = Hazards.find(aliased, Operand.RESIDUAL, OUTPUT_MEMORY);
      if (hazard != null) {
        refusals.add(Reason.of(ReasonCode.WRITE_MODE_CONFLICT, hazard));
      }
    }
  }

  private boolean isShort() {
    return options.call().outputType() != DType.F32;
  }

  private boolean isDeferred() {
    return options.call().output() == OutputForm.DEFERRED;
  }

  private boolean has(Capability capability) {
    return draft.modularMoe().experts().capabilities().contains(capability);
  }

  private void refuse(ReasonCode code) {
    refusals.add(Reason.of(code));
  }

  private void refuse(ReasonCode code, String detail) {
    refusals.add(Reason.of(code, detail));
  }
}
