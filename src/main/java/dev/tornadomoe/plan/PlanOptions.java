package dev.tornadomoe.plan;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ModularMoe;
import java.util.function.Function;

/// What a plan is made by.
///
/// @param maxTokens the most tokens a call may have
/// @param chunkTokens tokens that are worked on at once; a call with more is cut into slices
/// @param aliasing whether `fused_out` may be the output
/// @param reuse whether scratch buffers that are not needed at the same time share memory
/// @param fold whether additions of shared experts and residual are folded into the final reduction
/// @param sanitize whether the session checks every run ([Planner.Builder#sanitize])
/// @param precision how activations enter the products with quantised weights
/// @param memory where the backend's own buffers live
/// @param call what the caller promises about its memory
/// @param modularMoe what computes a layer
public record PlanOptions(
    int maxTokens,
    int chunkTokens,
    AliasMode aliasing,
    boolean reuse,
    boolean fold,
    boolean sanitize,
    Precision precision,
    MemoryKind memory,
    CallSpec call,
    Function<MoeLayer, ModularMoe> modularMoe) {

  /// Bytes behind each scratch buffer that nobody may write, when sanitising.
  public static final int GUARD_BYTES = 64;

  int guardBytes() {
    return sanitize ? GUARD_BYTES : 0;
  }

  PlanOptions withAliasing(AliasMode mode) {
    return new PlanOptions(
        maxTokens, chunkTokens, mode, reuse, fold, sanitize, precision, memory, call, modularMoe);
  }

  /// One layer to a call, and not sanitised.
  PlanOptions layerByLayerUnsanitised() {
    return new PlanOptions(
        maxTokens,
        chunkTokens,
        aliasing,
        reuse,
        fold,
        false,
        precision,
        memory,
        call.layerByLayer(),
        modularMoe);
  }
}
