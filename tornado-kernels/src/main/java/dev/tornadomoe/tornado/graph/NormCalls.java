package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.layer.WeightedNorm;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.tornado.kernel.NormKernels;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Calls of the norms inside a layer, of the norm that follows it, and of the sum before that at
/// once where kernels work in groups, one for each token.
final class NormCalls {
  /// Work-items of a token's group, at most.
  static final int MOST_THREADS = 1024;

  private final LayerContext context;
  private final ElementCalls elements;
  private final KernelContext kernel;
  private final IntArray call;
  private final int hidden;
  private final int threads;

  NormCalls(LayerContext context, ElementCalls elements) {
    this.context = context;
    this.elements = elements;
    this.kernel = context.kernel();
    this.call = context.call();
    this.hidden = context.layer().hidden();
    this.threads = context.device().threads(hidden, MOST_THREADS);
  }

  List<KernelCall> norm(RowOperation.Norm op) {
    return List.of(
        norm(
            context.floats(op.source()),
            context.floats(op.weights()),
            context.floats(op.target()),
            op.norm().epsilon()));
  }

  List<KernelCall> ownNorm(RowOperation.OwnNorm op) {
    WeightedNorm norm = context.layer().norms().at(op.place());
    FloatArray weights = context.weights().norms().get(op.place());
    if (norm == null || weights == null) {
      throw new IllegalStateException("the plan has a norm that the layer does not have");
    }
    FloatArray target = context.floats(op.target());
    float epsilon = norm.norm().epsilon();
    return List.of(
        op.isInPlace()
            ? normInPlace(target, weights, epsilon)
            : norm(context.floats(op.source()), weights, target, epsilon));
  }

  private KernelCall normInPlace(FloatArray rows, FloatArray weights, float epsilon) {
    return context.hasGroups()
        ? KernelCall.ofGroups(
            "norm",
            context.tokens(),
            threads,
            threads,
            (g, n) ->
                g.task(
                    n,
                    NormKernels::normInPlace,
                    kernel,
                    call,
                    rows,
                    weights,
                    epsilon,
                    hidden,
                    threads))
        : KernelCall.ofItems(
            "norm",
            context.tokens(),
            (g, n) ->
                g.task(
                    n, NormKernels::normRowsInPlace, kernel, call, rows, weights, epsilon, hidden));
  }

  private KernelCall norm(FloatArray source, FloatArray weights, FloatArray target, float epsilon) {
    return context.hasGroups()
        ? KernelCall.ofGroups(
            "norm",
            context.tokens(),
            threads,
            threads,
            (g, n) ->
                g.task(
                    n,
                    NormKernels::norm,
                    kernel,
                    call,
                    source,
                    weights,
                    target,
                    epsilon,
                    hidden,
                    threads))
        : KernelCall.ofItems(
            "norm",
            context.tokens(),
            (g, n) ->
                g.task(
                    n,
                    NormKernels::normRows,
                    kernel,
                    call,
                    source,
                    weights,
                    target,
                    epsilon,
                    hidden));
  }

  List<KernelCall> reduceNorm(ReduceOperation.ReduceNorm op) {
    ReduceOperation.Reduce reduce = op.reduce();
    if (!context.hasGroups()) {
      List<KernelCall> calls = new ArrayList<>(elements.reduce(reduce));
      calls.addAll(norm(op.norm()));
      return calls;
    }
    Operand routerWeights = reduce.weights();
    Factors factors =
        Factors.ofWeights(routerWeights == null ? null : context.floats(routerWeights), context);
    IntArray ids = context.ints(reduce.ids());
    FloatArray rows = context.floats(reduce.pairs());
    FloatArray sums = context.floats(reduce.target());
    Addends addends = context.addends(reduce.addends(), sums);
    FloatArray weights = context.floats(op.norm().weights());
    FloatArray target = context.floats(op.norm().target());
    float epsilon = op.norm().norm().epsilon();
    Pairs pairs = context.pairs();
    int flags = addends.flags() | factors.flags();
    return List.of(
        KernelCall.ofGroups(
            "reduceNorm",
            context.tokens(),
            threads,
            threads,
            (g, n) ->
                g.task(
                    n,
                    NormKernels::reduceNorm,
                    kernel,
                    call,
                    ids,
                    context.weights().map(),
                    factors.rows(),
                    rows,
                    addends.first(),
                    addends.second(),
                    sums,
                    weights,
                    target,
                    pairs.topK(),
                    pairs.extra(),
                    flags,
                    epsilon,
                    hidden,
                    threads)));
  }
}
