package dev.tornadomoe.plan;

import static dev.tornadomoe.plan.ReasonCode.ALIASED;
import static dev.tornadomoe.plan.ReasonCode.BATCHED_FORMAT;
import static dev.tornadomoe.plan.ReasonCode.CHUNK_FACTOR;
import static dev.tornadomoe.plan.ReasonCode.DISABLED_BY_USER;
import static dev.tornadomoe.plan.ReasonCode.DTYPE_MISMATCH;
import static dev.tornadomoe.plan.ReasonCode.EP_ROWS_NOT_ZEROED;
import static dev.tornadomoe.plan.ReasonCode.EXPERT_NOT_OPTED_IN;
import static dev.tornadomoe.plan.ReasonCode.FINALIZE_DEFERRED;
import static dev.tornadomoe.plan.ReasonCode.INPLACE_OK;
import static dev.tornadomoe.plan.ReasonCode.INPUT_READ_AFTER_WRITE;
import static dev.tornadomoe.plan.ReasonCode.INPUT_STILL_LIVE;
import static dev.tornadomoe.plan.ReasonCode.LAYOUT_MISMATCH;
import static dev.tornadomoe.plan.ReasonCode.MEMORY_KIND;
import static dev.tornadomoe.plan.ReasonCode.NEEDS_ZERO_INIT;
import static dev.tornadomoe.plan.ReasonCode.NONLOCAL_FINALIZE;
import static dev.tornadomoe.plan.ReasonCode.NORM_IN_PLACE;
import static dev.tornadomoe.plan.ReasonCode.OUTPUT_NOT_EXCLUSIVE;
import static dev.tornadomoe.plan.ReasonCode.REDUCE_IN_FINALIZE;
import static dev.tornadomoe.plan.ReasonCode.REDUCE_ZEROES_FIRST;
import static dev.tornadomoe.plan.ReasonCode.ROUNDED_BY_LAST_STEP;
import static dev.tornadomoe.plan.ReasonCode.SHAPE_MISMATCH;
import static dev.tornadomoe.plan.ReasonCode.WRITE_MODE_CONFLICT;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.modular.BatchedPrepareAndFinalize;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.Experts;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.FusedExperts;
import dev.tornadomoe.modular.HybridExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.PrepareAndFinalize;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubEnds;
import dev.tornadomoe.modular.StubExperts;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.tensor.DType;
import java.util.List;
import java.util.stream.Stream;

/// The rows of the alias legality table that the planner decides (modular MoE, 1.12), by their
/// numbers, with the reasons each must give. Rows 3 and 28 to 33 are about memory that only a call
/// brings; 12, 20 and 26 can't occur here.
final class AliasTable {
  private static final MoeLayer LAYER = SeededLayers.small();
  private static final MoeLayer PARTIAL = SeededLayers.of(8, 6, 4, 2).map(0, -1, -1, 1).layer();
  private static final MoeLayer TOP_1 = SeededLayers.of(8, 6, 4, 1).layer();
  private static final MoeLayer NORMED =
      SeededLayers.of(8, 6, 4, 2).shared(5, false).outputNorm().layer();
  private static final StubExperts STUB = StubExperts.of(StubBody.twoSteps());
  private static final StubExperts ADDING =
      StubExperts.of(StubBody.accumulating()).with(Capability.ACCUMULATES_INTO_OUTPUT);
  private static final Experts FUSED = new FusedExperts();

  /// One situation.
  ///
  /// @param number of the row, and which case of it
  /// @param planner with the situation's options
  /// @param codes of all reasons, in any order
  record Row(String number, MoeLayer layer, Planner.Builder planner, List<ReasonCode> codes) {

    /// The plan for the most tokens.
    BucketPlan bucket() {
      return planner.build().plan(layer).buckets().getLast();
    }

    AliasDecision decision() {
      return bucket().decisions().getFirst();
    }

    @Override
    public String toString() {
      return "row " + number + ": " + codes;
    }
  }

  static Stream<Row> all() {
    return Stream.of(
            modularMoeRows(),
            reductionRows(),
            outputRows(),
            inPlaceRows(),
            residualRows(),
            normRows(),
            deferredRows(),
            callRows())
        .flatMap(rows -> rows);
  }

  private static Stream<Row> modularMoeRows() {
    return Stream.of(
        row("1, fused", LAYER, with(FUSED), ALIASED),
        row("1, hybrid", int4(), with(new HybridExperts()), ALIASED),
        row("1, stub", LAYER, with(STUB), ALIASED),
        row("2", LAYER, with(STUB.notOptedIn()), EXPERT_NOT_OPTED_IN),
        row("8", SeededLayers.of(8, 6, 4, 1).weightOnInput().layer(), with(FUSED), ALIASED),
        row("10", LAYER, with(StubEnds.standard().nonLocal(), STUB), NONLOCAL_FINALIZE),
        row("11, not zeroed", PARTIAL, with(STUB), EP_ROWS_NOT_ZEROED),
        row(
            "11, zeroed",
            PARTIAL,
            with(STUB.with(Capability.ZEROES_ROWS_WITHOUT_LOCAL_EXPERTS)),
            ALIASED),
        row("11, accumulating", PARTIAL, with(ADDING), ALIASED, NEEDS_ZERO_INIT),
        row("21", SeededLayers.of(8, 6, 4, 2).shared(5, true).layer(), with(FUSED), ALIASED),
        row("23", LAYER, with(ADDING), ALIASED, NEEDS_ZERO_INIT));
  }

  private static Stream<Row> reductionRows() {
    return Stream.of(
        row(
            "4 and 7",
            LAYER,
            Planner.builder().modularMoe(ExpertsCatalog.named("unreduced")),
            REDUCE_IN_FINALIZE,
            SHAPE_MISMATCH),
        row(
            "4b",
            TOP_1,
            with(STUB.leaving(new TopKWeightAndReduce.Contiguous())),
            REDUCE_IN_FINALIZE),
        row(
            "6, resolved to a reduction",
            TOP_1,
            with(STUB.leaving(new TopKWeightAndReduce.Delegate())),
            REDUCE_IN_FINALIZE),
        row(
            "6, resolved to nothing",
            LAYER,
            with(
                StubEnds.standard().resolving(new TopKWeightAndReduce.NoOp()),
                STUB.leaving(new TopKWeightAndReduce.Delegate())),
            ALIASED),
        row(
            "5 and 9",
            LAYER,
            with(
                new BatchedPrepareAndFinalize(),
                STUB.batched().leaving(new TopKWeightAndReduce.Delegate())),
            BATCHED_FORMAT,
            REDUCE_ZEROES_FIRST));
  }

  private static Stream<Row> outputRows() {
    return Stream.of(
        row("13, own step", LAYER, with(STUB).outputType(DType.BF16), DTYPE_MISMATCH),
        row("13, accumulating", LAYER, with(ADDING).outputType(DType.F16), DTYPE_MISMATCH),
        row(
            "13, added later",
            LAYER,
            with(FUSED).residual(Residual.GIVEN).foldAdditions(false).outputType(DType.BF16),
            DTYPE_MISMATCH),
        row(
            "13, normed later",
            LAYER,
            Planner.builder()
                .maxTokens(4)
                .tail(Residual.GIVEN, new RmsNorm(1e-6f))
                .outputType(DType.BF16),
            DTYPE_MISMATCH),
        row(
            "13b, hybrid",
            LAYER,
            Planner.builder().maxTokens(4).outputType(DType.F16),
            ALIASED,
            ROUNDED_BY_LAST_STEP),
        row(
            "13b, fused, shared experts and residual added",
            SeededLayers.of(8, 6, 4, 2).shared(5, true).layer(),
            with(FUSED).hiddenType(DType.BF16).residual(Residual.IN_OUTPUT).outputType(DType.BF16),
            ALIASED,
            ROUNDED_BY_LAST_STEP),
        row(
            "13b, fused, normed in the sum",
            LAYER,
            with(FUSED).tail(Residual.GIVEN, new RmsNorm(1e-6f)).outputType(DType.BF16),
            ALIASED,
            ROUNDED_BY_LAST_STEP),
        row(
            "13b, in place",
            LAYER,
            with(FUSED).hiddenType(DType.F16).inPlace(true).outputType(DType.F16),
            ALIASED,
            ROUNDED_BY_LAST_STEP,
            INPLACE_OK),
        row("14, rows apart", LAYER, with(STUB).outputStride(12), SHAPE_MISMATCH),
        row(
            "14, rows apart may be",
            LAYER,
            with(STUB.with(Capability.ROW_STRIDE_OK)).outputStride(12),
            ALIASED),
        row("14, padded", LAYER, with(StubExperts.of(StubBody.padded(4))), SHAPE_MISMATCH),
        row(
            "14, latent",
            SeededLayers.of(8, 6, 4, 2).latent(5).shared(5, false).layer(),
            with(FUSED),
            SHAPE_MISMATCH),
        row("14, rows not apart", LAYER, with(STUB).outputStride(8), ALIASED),
        row("15, 2 bytes", LAYER, with(STUB).outputAlignment(2), LAYOUT_MISMATCH),
        row("15, 6 bytes", LAYER, with(STUB).outputAlignment(6), LAYOUT_MISMATCH),
        row("15, 64 bytes", LAYER, with(STUB).outputAlignment(64), ALIASED),
        row("16, device", LAYER, with(STUB).outputMemory(MemoryKind.DEVICE), MEMORY_KIND),
        row(
            "16, both on the device",
            LAYER,
            with(STUB).memory(MemoryKind.DEVICE).outputMemory(MemoryKind.DEVICE),
            ALIASED),
        row("31", LAYER, with(STUB).sharedOutput(true), OUTPUT_NOT_EXCLUSIVE));
  }

  private static Stream<Row> inPlaceRows() {
    StubExperts oneStep = StubExperts.of(StubBody.oneStep());
    return Stream.of(
        row("17, fused", LAYER, with(FUSED).inPlace(true), ALIASED, INPLACE_OK),
        row("17, through scratch", LAYER, with(STUB).inPlace(true), ALIASED, INPLACE_OK),
        row(
            "17, one step that promises",
            LAYER,
            with(oneStep.with(Capability.INPUT_CONSUMED_BEFORE_OUTPUT)).inPlace(true),
            ALIASED,
            INPLACE_OK),
        row("18, one step", LAYER, with(oneStep).inPlace(true), INPUT_READ_AFTER_WRITE),
        row(
            "18, late reader",
            LAYER,
            with(StubExperts.of(StubBody.lateReader())).inPlace(true),
            INPUT_READ_AFTER_WRITE),
        row("18, zeroed first", LAYER, with(ADDING).inPlace(true), INPUT_READ_AFTER_WRITE),
        row(
            "19",
            LAYER,
            with(StubEnds.standard().auditing(StubEnds.Audit.FIRST), STUB).inPlace(true),
            INPUT_STILL_LIVE),
        row(
            "19, shared experts run before",
            SeededLayers.of(8, 6, 4, 2).shared(5, true).layer(),
            with(FUSED).inPlace(true),
            ALIASED,
            INPLACE_OK));
  }

  private static Stream<Row> residualRows() {
    return Stream.of(
        row("22, given", LAYER, with(STUB).residual(Residual.GIVEN), ALIASED),
        row("22, folded", LAYER, with(FUSED).residual(Residual.IN_OUTPUT), ALIASED),
        row(
            "22, can't be folded",
            LAYER,
            with(STUB).residual(Residual.IN_OUTPUT),
            WRITE_MODE_CONFLICT),
        row(
            "22, may not be folded",
            LAYER,
            with(FUSED).foldAdditions(false).residual(Residual.IN_OUTPUT),
            WRITE_MODE_CONFLICT));
  }

  private static Stream<Row> normRows() {
    return Stream.of(
        row("37", NORMED, with(FUSED), ALIASED, NORM_IN_PLACE),
        row("37, in place", NORMED, with(FUSED).inPlace(true), ALIASED, NORM_IN_PLACE, INPLACE_OK),
        row(
            "37, residual given",
            NORMED,
            with(FUSED).residual(Residual.GIVEN),
            ALIASED,
            NORM_IN_PLACE),
        row(
            "37, residual in the output",
            NORMED,
            with(FUSED).residual(Residual.IN_OUTPUT),
            WRITE_MODE_CONFLICT),
        row("37, BF16", NORMED, with(FUSED).outputType(DType.BF16), DTYPE_MISMATCH));
  }

  private static Stream<Row> deferredRows() {
    return Stream.of(
        row("27", LAYER, deferred(), ALIASED, FINALIZE_DEFERRED),
        row("27, in chunks", LAYER, deferred().chunkTokens(8), ALIASED, FINALIZE_DEFERRED),
        row("27, caller routes", LAYER, deferred().callerRoutes(true), ALIASED, FINALIZE_DEFERRED),
        row(
            "27, BF16",
            LAYER,
            deferred().outputType(DType.BF16),
            ALIASED,
            FINALIZE_DEFERRED,
            ROUNDED_BY_LAST_STEP),
        row("27, rows apart", LAYER, deferred().outputStride(12), SHAPE_MISMATCH),
        row("27, shared", LAYER, deferred().sharedOutput(true), OUTPUT_NOT_EXCLUSIVE),
        row(
            "27, not opted in",
            TOP_1,
            with(STUB.notOptedIn().leaving(new TopKWeightAndReduce.Contiguous()))
                .output(OutputForm.DEFERRED),
            EXPERT_NOT_OPTED_IN));
  }

  private static Planner.Builder deferred() {
    return Planner.builder().output(OutputForm.DEFERRED);
  }

  private static Stream<Row> callRows() {
    return Stream.of(
        row("24, one row per token", LAYER, with(STUB).maxTokens(20).chunkTokens(8), ALIASED),
        row(
            "24, k rows per token",
            LAYER,
            Planner.builder()
                .modularMoe(ExpertsCatalog.named("unreduced"))
                .maxTokens(20)
                .chunkTokens(8),
            REDUCE_IN_FINALIZE,
            SHAPE_MISMATCH,
            CHUNK_FACTOR),
        row("36", LAYER, with(STUB).outputAliasing(AliasMode.OFF), DISABLED_BY_USER));
  }

  private static Row row(
      String number, MoeLayer layer, Planner.Builder planner, ReasonCode... codes) {
    return new Row(number, layer, planner, List.of(codes));
  }

  private static Planner.Builder with(Experts experts) {
    return with(new LocalPrepareAndFinalize(), experts);
  }

  private static Planner.Builder with(PrepareAndFinalize prepareAndFinalize, Experts experts) {
    return Planner.builder().modularMoe(new ModularMoe(prepareAndFinalize, experts));
  }

  private static MoeLayer int4() {
    return SeededLayers.of(8, 6, 4, 2).int4().layer();
  }

  private AliasTable() {}
}
