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

/// Calls of the kernels that have a work-item for each element of the rows, which are as wide as
/// the operands are. A step that another's task does has none.
final class ElementCalls {
  private final LayerContext context;
  private final KernelContext kernel;
  private final IntArray call;
  private final MoeLayer layer;

  ElementCalls(LayerContext context) {
    this.context = context;
    this.kernel = context.kernel();
    this.call = context.call();
    this.layer = context.layer();
  }

  private KernelCall elements(String kind, int width, KernelCall.Adder task) {
    return KernelCall.ofItems(kind, Math.multiplyExact(context.tokens(), width), task);
  }

  List<KernelCall> weightInput(RowOperation.WeightInput op) {
    if (context.steps().weighsInput()) {
      return List.of();
    }
    FloatArray factors = context.floats(op.weights());
    FloatArray input = context.floats(op.input());
    FloatArray target = context.floats(op.target());
    int width = context.arrays().columns(op.input(), op.target());
    return List.of(
        elements(
            "weightInput",
            width,
            (g, n) ->
                g.task(
                    n, ElementKernels::weightInput, kernel, call, factors, input, target, width)));
  }

  List<KernelCall> identities(RowOperation.IdentityExperts op) {
    IntArray ids = context.ints(op.ids());
    FloatArray factors = context.floats(op.weights());
    FloatArray input = context.floats(op.input());
    FloatArray target = context.floats(op.target());
    int width = context.arrays().columns(op.input(), op.target());
    int first = layer.globalExperts() - layer.identityExperts();
    return List.of(
        elements(
            "identities",
            width,
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
                    width)));
  }

  List<KernelCall> reduce(ReduceOperation.Reduce op) {
    Operand weights = op.weights();
    Factors factors = Factors.ofWeights(weights == null ? null : context.floats(weights), context);
    IntArray ids = context.ints(op.ids());
    FloatArray rows = context.floats(op.pairs());
    FloatArray target = context.floats(op.target());
    Addends addends = context.addends(op.addends(), target);
    Pairs pairs = context.pairs();
    int rowsOfToken = context.arrays().columns(op.ids());
    int width = context.arrays().columns(op.pairs(), op.target());
    int flags = addends.flags() | factors.flags();
    return List.of(
        elements(
            "reduce",
            width,
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
                    rowsOfToken,
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
    int columns = context.arrays().columns(op.source(), op.target());
    int width = Math.multiplyExact(columns, context.arrays().rowsPerToken(op));
    KernelCall copy =
        elements(
            "copy",
            width,
            (g, n) -> g.task(n, ElementKernels::copy, kernel, call, source, target, width));
    return List.of(op.target().equals(Operand.OUTPUT) ? copy.copyingOutput() : copy);
  }

  List<KernelCall> add(RowOperation.Add op) {
    if (context.steps().extra() > 0 && op.addend().equals(Operand.SHARED_OUT)) {
      return List.of(); // in the sum already
    }
    FloatArray addend = context.floats(op.addend());
    FloatArray target = context.floats(op.target());
    int width = context.arrays().columns(op.addend(), op.target());
    return List.of(
        elements(
            "add",
            width,
            (g, n) -> g.task(n, ElementKernels::add, kernel, call, addend, target, width)));
  }

  List<KernelCall> zero(RowOperation.Zero op) {
    FloatArray target = context.floats(op.target());
    int width = context.arrays().columns(op.target());
    return List.of(
        elements(
            "zero", width, (g, n) -> g.task(n, ElementKernels::zero, kernel, call, target, width)));
  }
}
