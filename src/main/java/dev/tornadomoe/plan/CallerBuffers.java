package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.Locale;

/// The buffers that a caller brings, as its [CallSpec] describes them.
///
/// @param draft the layer
/// @param layer its index in the plan
/// @param call what the caller promises
record CallerBuffers(LayerDraft draft, int layer, CallSpec call) {

  /// The buffer of one of the caller's operands.
  ///
  /// @throws PlanException for an operand that is none of theirs
  Buffer buffer(int id, Operand operand) {
    Problem problem = draft.problem();
    Shape rows = Shape.of(problem.tokens(), problem.hidden());
    if (operand.equals(Operand.HIDDEN)) {
      return new Buffer(
          id,
          layer,
          operand,
          call.hiddenType(),
          rows,
          problem.hidden(),
          new Buffer.Caller(call.inPlace() ? CallerRegion.OUTPUT : CallerRegion.HIDDEN));
    }
    if (operand.equals(Operand.OUTPUT)) {
      return outputLike(id, operand, rows);
    }
    if (operand.equals(Operand.RESIDUAL)) {
      return call.residual() == Residual.IN_OUTPUT
          ? outputLike(id, operand, rows)
          : new Buffer(
              id,
              layer,
              operand,
              call.hiddenType(),
              rows,
              problem.hidden(),
              new Buffer.Caller(CallerRegion.RESIDUAL));
    }
    if (operand.equals(Operand.TOPK_IDS)) {
      return routes(id, operand, DType.I32, CallerRegion.TOPK_IDS);
    }
    if (operand.equals(Operand.TOPK_WEIGHTS)) {
      return routes(id, operand, DType.F32, CallerRegion.TOPK_WEIGHTS);
    }
    throw new PlanException(
        String.format(
            Locale.ROOT,
            "layer %d: an operation uses \"%s\", which is no workspace and not the caller's",
            draft.layer().index(),
            operand));
  }

  private Buffer routes(int id, Operand operand, DType type, CallerRegion region) {
    int topK = draft.problem().topK();
    Shape pairs = Shape.of(draft.problem().tokens(), topK);
    return new Buffer(id, layer, operand, type, pairs, topK, new Buffer.Caller(region));
  }

  private Buffer outputLike(int id, Operand operand, Shape rows) {
    int hidden = draft.problem().hidden();
    int stride = call.outputStride() == 0 ? hidden : call.outputStride();
    if (stride < hidden) {
      throw new PlanException(
          String.format(
              Locale.ROOT, "output rows %d elements apart can't hold rows of %d", stride, hidden));
    }
    return new Buffer(
        id,
        layer,
        operand,
        call.outputType(),
        rows,
        stride,
        new Buffer.Caller(CallerRegion.OUTPUT));
  }
}
