package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.tornado.kernel.ElementKernels;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Calls of the kernels that have a work-item for each element of the rows, `[M, H]`. A step that
/// another's task does has none.
final class ElementCalls {
  private final LayerContext context;
  private final KernelContext kernel;
  private final IntArray call;
  private final MoeLayer layer;
  private final int hidden;

  ElementCalls(LayerContext context) {
    this.context = context;
    this.kernel = context.kernel();
    this.call = context.call();
    this.layer = context.layer();
    this.hidden = layer.hidden();
  }

  private KernelCall elements(String kind, KernelCall.Adder task) {
    return KernelCall.ofItems(kind, Math.multiplyExact(context.tokens(), hidden), task);
  }

  List<KernelCall> weightInput(RowOperation.WeightInput op) {
    if (context.steps().weighsInput()) {
      return List.of();
    }
    FloatArray factors = context.floats(op.weights());
    FloatArray input = context.floats(op.input());
    FloatArray target = context.floats(op.target());
    return List.of(
        elements(
            "weightInput",
            (g, n) ->
                g.task(
                    n, ElementKernels::weightInput, kernel, call, factors, input, target, hidden)));
  }

  List<KernelCall> identities(RowOperation.IdentityExperts op) {
    IntArray ids = context.ints(op.ids());
    FloatArray factors = context.floats(op.weights());
    FloatArray input = context.floats(op.input());
    FloatArray target = context.floats(op.target());
    int first = layer.globalExperts() - layer.identityExperts();
    return List.of(
        elements(
            "identities",
            (g, n) ->
                g.task(
                    n,
                    ElementKernels::identities,
                    kernel,
                    call,
                    ids,
                    factors,
                    input,
                    target,
                    layer.topK(),
                    first,
                    hidden)));
  }

  List<KernelCall> reduce(ReduceOperation.Reduce op) {
    Operand weights = op.weights();
    Factors factors = Factors.ofWeights(weights == null ? null : context.floats(weights), context);
    IntArray ids = context.ints(op.ids());
    FloatArray rows = context.floats(op.pairs());
    FloatArray target = context.floats(op.target());
    Addends addends = context.addends(op.addends(), target);
    Pairs pairs = context.pairs();
    int width = layer.experts().hidden();
    int flags = addends.flags() | factors.flags();
    return List.of(
        KernelCall.ofItems(
            "reduce",
            Math.multiplyExact(context.tokens(), width),
            (g, n) ->
                g.task(
                    n,
                    ElementKernels::reduce,
                    kernel,
                    call,
                    ids,
                    context.weights().map(),
                    factors.rows(),
                    rows,
                    addends.first(),
                    addends.second(),
                    target,
                    pairs.topK(),
                    pairs.extra(),
                    width,
                    flags)));
  }

  List<KernelCall> copy(RowOperation.Copy op) {
    FloatArray source = context.floats(op.source());
    FloatArray target = context.floats(op.target());
    if (source == target) { // hidden states are F32 here already
      return List.of();
    }
    int width = Math.multiplyExact(hidden, context.arrays().rowsPerToken(op));
    KernelCall copy =
        KernelCall.ofItems(
            "copy",
            Math.multiplyExact(context.tokens(), width),
            (g, n) -> g.task(n, ElementKernels::copy, kernel, call, source, target, width));
    return List.of(op.target().equals(Operand.OUTPUT) ? copy.copyingOutput() : copy);
  }

  List<KernelCall> add(RowOperation.Add op) {
    if (context.steps().extra() > 0 && op.addend().equals(Operand.SHARED_OUT)) {
      return List.of(); // in the sum already
    }
    FloatArray addend = context.floats(op.addend());
    FloatArray target = context.floats(op.target());
    return List.of(
        elements(
            "add", (g, n) -> g.task(n, ElementKernels::add, kernel, call, addend, target, hidden)));
  }

  List<KernelCall> zero(RowOperation.Zero op) {
    FloatArray target = context.floats(op.target());
    return List.of(
        elements("zero", (g, n) -> g.task(n, ElementKernels::zero, kernel, call, target, hidden)));
  }
}
