package dev.tornadomoe.plan;

import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.tensor.DType;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What the caller promises about the memory of its calls. The planner decides by it, and every
/// call is checked against it.
///
/// @param hiddenType element type of the hidden states and of a given residual: F32, F16 or BF16
/// @param output whether the output gets the layer's rows, or those of its experts
/// @param outputType element type of the output, and of normed rows: F32, F16 or BF16
/// @param outputStride elements from one output row to the next, or 0 for H
/// @param outputAlignment what the output's address is a multiple of, in bytes
/// @param outputMemory where the output lives
/// @param exclusive whether nobody else uses the output while a call runs
/// @param inPlace whether the output is the hidden states' own memory
/// @param residual whether and from where rows are added to the result
/// @param norm the norm whose rows the call writes too, or null for none
/// @param callerRoutes whether the caller gives ids and weights; otherwise the layer's router does
/// @param wholeStep whether each call runs all layers of the plan, one after the other, as if
///   called in turn with the same arguments, instead of one
public record CallSpec(
    DType hiddenType,
    OutputForm output,
    DType outputType,
    int outputStride,
    int outputAlignment,
    MemoryKind outputMemory,
    boolean exclusive,
    boolean inPlace,
    Residual residual,
    @Nullable RmsNorm norm,
    boolean callerRoutes,
    boolean wholeStep) {

  private static final Set<CallerRegion> ROUTING =
      EnumSet.of(CallerRegion.TOPK_IDS, CallerRegion.TOPK_WEIGHTS);

  /// F32 rows of the caller's own in host memory, nothing added, routed by the layer, one layer to
  /// a call.
  public static final CallSpec DEFAULT =
      new CallSpec(
          DType.F32,
          OutputForm.FINISHED,
          DType.F32,
          0,
          4,
          MemoryKind.HOST,
          true,
          false,
          Residual.NONE,
          null,
          false,
          false);

  /// Checked against each other.
  ///
  /// @throws PlanException when they contradict each other
  public CallSpec {
    requireActivation("hidden states", hiddenType);
    requireActivation("the output", outputType);
    if (outputStride < 0) {
      throw new PlanException("output stride must be 0 or more, found " + outputStride);
    }
    if (outputAlignment < 1) {
      throw new PlanException("output alignment must be 1 or more, found " + outputAlignment);
    }
    if ((inPlace || residual == Residual.IN_OUTPUT) && hiddenType != outputType) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "an output that shares memory with an input must have its type; found %s and %s",
              outputType,
              hiddenType));
    }
    if (inPlace && outputStride != 0) {
      throw new PlanException("an output in place of the hidden states can't have a row stride");
    }
    if (output == OutputForm.DEFERRED) {
      requireNothingAdded(residual, norm, inPlace);
    }
  }

  /// The same with one layer to a call.
  CallSpec layerByLayer() {
    return new CallSpec(
        hiddenType,
        output,
        outputType,
        outputStride,
        outputAlignment,
        outputMemory,
        exclusive,
        inPlace,
        residual,
        norm,
        callerRoutes,
        false);
  }

  /// {@return the regions that a call reads whatever the layer, by their own name; what a layer's
  /// router asks beside is told by [MoePlan#inputs]}
  public Set<CallerRegion> inputs() {
    Set<CallerRegion> inputs = EnumSet.of(CallerRegion.HIDDEN);
    if (residual == Residual.GIVEN) {
      inputs.add(CallerRegion.RESIDUAL);
    }
    if (callerRoutes) {
      inputs.addAll(ROUTING);
    }
    if (norm != null) {
      inputs.add(CallerRegion.NORM_WEIGHTS);
    }
    return inputs;
  }

  /// {@return the regions that a call writes whatever the layer; what a layer's router hands on is
  /// told by [MoePlan#results]}
  public Set<CallerRegion> results() {
    Set<CallerRegion> results = EnumSet.of(CallerRegion.OUTPUT);
    if (output == OutputForm.DEFERRED && !callerRoutes) {
      results.addAll(ROUTING);
    }
    if (norm != null) {
      results.add(CallerRegion.NORMED);
    }
    return results;
  }

  /// {@return whether a call brings memory for ids and weights}
  public boolean takesRouting() {
    return callerRoutes || output == OutputForm.DEFERRED;
  }

  /// {@return whether the output holds something that is read}
  public boolean readsOutput() {
    return inPlace || residual == Residual.IN_OUTPUT;
  }

  private static void requireNothingAdded(
      Residual residual, @Nullable RmsNorm norm, boolean inPlace) {
    String refused =
        residual != Residual.NONE
            ? "residual " + residual
            : norm != null ? "a norm" : inPlace ? "an output in place" : null;
    if (refused != null) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "the output is DEFERRED, and the plan has %s: nothing can follow a sum that the"
                  + " caller makes",
              refused));
    }
  }

  private static void requireActivation(String what, DType type) {
    if (type != DType.F32 && type != DType.F16 && type != DType.BF16) {
      throw new PlanException(
          String.format(Locale.ROOT, "%s can be F32, F16 or BF16, found %s", what, type));
    }
  }
}
