package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Operand;
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
    CallerRegion region = region(operand);
    CallerRows rows = CallerRows.of(call, region, draft.layer());
    if (rows.stride() < rows.width()) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "output rows %d elements apart can't hold rows of %d",
              rows.stride(),
              rows.width()));
    }
    return new Buffer(
        id,
        layer,
        operand,
        rows.type(),
        Shape.of(rows.rows(draft.problem().tokens()), rows.width()),
        rows.stride(),
        new Buffer.Caller(region));
  }

  private CallerRegion region(Operand operand) {
    if (operand.equals(Operand.HIDDEN) && call.inPlace()) {
      return CallerRegion.OUTPUT;
    }
    if (operand.equals(Operand.RESIDUAL) && call.residual() == Residual.IN_OUTPUT) {
      return CallerRegion.OUTPUT;
    }
    for (CallerRegion region : CallerRegion.values()) {
      if (region.operand().equals(operand)) {
        return region;
      }
    }
    throw new PlanException(
        String.format(
            Locale.ROOT,
            "layer %d: an operation uses \"%s\", which is no workspace and not the caller's",
            draft.layer().index(),
            operand));
  }
}
