package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.kernel.Activations;
import dev.tornadomoe.tornado.kernel.BlockKernels;
import dev.tornadomoe.tornado.kernel.Flags;
import dev.tornadomoe.tornado.kernel.RoutedKernels;
import dev.tornadomoe.tornado.kernel.TileKernels;
import dev.tornadomoe.tornado.kernel.WorkGroupKernels;
import dev.tornadomoe.tornado.kernel.WorkItemKernels;
import dev.tornadomoe.tornado.tuning.Split;
import dev.tornadomoe.tornado.tuning.Tuning;
import dev.tornadomoe.tornado.weights.DeviceExperts;
import dev.tornadomoe.tornado.weights.DeviceMatrix;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Calls of the kernels that read weight matrices, in the shape that suits the device. Both shapes'
/// kernels take the same arguments; grids and work-groups differ.
final class ProjectionCalls {
  /// Up to here, one token at a time is faster for the router.
  private static final int FEW_TOKENS = 32;

  /// Tokens that a work-group of the router's takes beyond, and how it is cut.
  private static final int TILE_TOKENS = 8;

  private static final Split TILE = new Split(256, 2);

  private final String prefix;
  private final KernelContext context;
  private final IntArray call;
  private final DeviceLimits device;
  private final MoeLayer layer;
  private final List<KernelCall> calls;
  private final boolean grouped;
  private final Tuning tuning;

  /// @param calls what they are added to
  ProjectionCalls(
      String prefix,
      KernelContext context,
      IntArray call,
      DeviceLimits device,
      MoeLayer layer,
      Tuning tuning,
      List<KernelCall> calls) {
    this.prefix = prefix;
    this.context = context;
    this.call = call;
    this.device = device;
    this.layer = layer;
    this.tuning = tuning;
    this.calls = calls;
    this.grouped = device.shape() == KernelShape.WORK_GROUPS;
  }

  /// What gate and up are multiplied by.
  ///
  /// @param rows the router's weights, or logits of the shared expert's gate
  /// @param flags which
  record Factors(FloatArray rows, int flags) {
    static Factors none() {
      return new Factors(DeviceArrays.floats(1), 0);
    }
  }

  /// What gate and up select experts by.
  ///
  /// @param logits of the router
  /// @param constants of the layer
  /// @param weights what they write the chosen experts' weights to
  /// @param flags how
  record Routing(FloatArray logits, FloatArray constants, FloatArray weights, int flags) {}

  /// @param groups work-groups, in the shape that has them
  /// @param items work-items, in the other
  private void add(
      String name, int groups, int threads, int localFloats, int items, KernelCall.Adder adder) {
    String unique = prefix + name + calls.size();
    calls.add(
        grouped
            ? new KernelCall(
                unique, Math.multiplyExact(groups, threads), threads, localFloats * 4, adder, false)
            : new KernelCall(unique, items, 0, 0, adder, false));
  }

  private static int product(int... factors) {
    int product = 1;
    for (int factor : factors) {
      product = Math.multiplyExact(product, factor);
    }
    return product;
  }

  /// `y = W x + b`; rows from `rows` on go to `rest`.
  void project(
      String name,
      DeviceMatrix m,
      FloatArray x,
      FloatArray y,
      FloatArray rest,
      int rows,
      int allRows,
      int tokens) {
    // The same array twice in a task that writes it is more than TornadoVM can take.
    FloatArray spare = rest == y ? DeviceArrays.floats(1) : rest;
    boolean isTiled = grouped && tokens > FEW_TOKENS && TILE.threads() <= device.workGroup();
    int together = isTiled ? TILE_TOKENS : 1;
    // The router has few rows: alone, each group should be as wide as it can.
    Split split = isTiled ? TILE : new Split(device.threads(m.columns(), 1024), 1);
    int flags = m.flags() | split.flags();
    add(
        name,
        product(Math.ceilDiv(tokens, together), split.groups(allRows)),
        split.threads(),
        split.localFloats(1, together),
        product(tokens, allRows),
        (g, n) ->
            g.task(
                n,
                grouped ? WorkGroupKernels::project : WorkItemKernels::project,
                context,
                call,
                x,
                m.words(),
                m.scales(),
                m.order(),
                m.bias(),
                y,
                spare,
                rows,
                allRows,
                m.columns(),
                m.groupSize(),
                flags,
                together));
  }

  void gateUp(
      String name,
      DeviceExperts part,
      IntArray ids,
      Factors factors,
      FloatArray x,
      FloatArray activated,
      int topK,
      int extra,
      int tokens) {
    DeviceMatrix m = part.gateUp();
    int pairs = product(tokens, topK + extra);
    int flags =
        activationFlags(m) | factors.flags() | elsewhere(part, extra) | tuning.gateUp().flags();
    add(
        name,
        product(pairs, tuning.gateUp().groups(m.rows())),
        tuning.gateUp().threads(),
        tuning.gateUp().localFloats(2, 1),
        product(pairs, m.rows()),
        (g, n) ->
            g.task(
                n,
                grouped ? WorkGroupKernels::gateUp : WorkItemKernels::gateUp,
                context,
                call,
                ids,
                part.map(),
                factors.rows(),
                x,
                m.words(),
                m.scales(),
                m.order(),
                m.bias(),
                activated,
                topK,
                extra,
                part.experts(),
                m.columns(),
                m.rows(),
                m.groupSize(),
                flags,
                limit(),
                layer.experts().activation().alpha()));
  }

  /// Selection, gate and up in one.
  void routedGateUp(
      DeviceExperts part,
      Routing routing,
      IntArray ids,
      Factors factors,
      FloatArray x,
      FloatArray activated,
      int topK,
      int extra,
      int tokens) {
    DeviceMatrix m = part.gateUp();
    Split split = tuning.gateUp();
    int pairs = product(tokens, topK + extra);
    int flags = activationFlags(m) | factors.flags() | routing.flags() | split.flags();
    add(
        "routedGateUp",
        product(pairs, split.groups(m.rows())),
        split.threads(),
        split.localFloats(2, 1) + 2 * part.experts() + topK,
        0,
        (g, n) ->
            g.task(
                n,
                RoutedKernels::routedGateUp,
                context,
                call,
                routing.logits(),
                routing.constants(),
                ids,
                routing.weights(),
                factors.rows(),
                x,
                m.words(),
                m.scales(),
                m.order(),
                m.bias(),
                activated,
                topK,
                extra,
                part.experts(),
                m.columns(),
                m.rows(),
                m.groupSize(),
                flags));
  }

  /// @param weights the router's, or null where they went on the input
  /// @param accumulates whether the target holds the sum of other parts
  void down(
      String name,
      DeviceExperts part,
      IntArray ids,
      @Nullable FloatArray weights,
      FloatArray activated,
      List<FloatArray> addends,
      FloatArray target,
      int topK,
      int extra,
      int tokens,
      boolean accumulates) {
    DeviceMatrix m = part.down();
    Addends added = Addends.of(addends, target, layer);
    int flags =
        m.flags()
            | added.flags()
            | (weights == null ? 0 : Flags.WEIGHTED)
            | (accumulates ? Flags.ACCUMULATE : 0)
            | elsewhere(part, extra)
            | tuning.down().flags();
    FloatArray factors = weights == null ? DeviceArrays.floats(1) : weights;
    add(
        name,
        product(tokens, tuning.down().groups(m.rows())),
        tuning.down().threads(),
        tuning.down().localFloats(1, 1),
        product(tokens, m.rows()),
        (g, n) ->
            g.task(
                n,
                grouped ? WorkGroupKernels::down : WorkItemKernels::down,
                context,
                call,
                ids,
                part.map(),
                factors,
                activated,
                m.words(),
                m.scales(),
                m.order(),
                m.bias(),
                added.first(),
                added.second(),
                target,
                topK,
                extra,
                part.experts(),
                m.columns(),
                m.rows(),
                m.groupSize(),
                flags));
  }

  /// @param mostBlocks that the grid has room for
  void blockGateUp(
      DeviceExperts part,
      IntArray blocks,
      IntArray pairs,
      Factors factors,
      FloatArray x,
      FloatArray activated,
      int topK,
      int extra,
      int mostBlocks) {
    DeviceMatrix m = part.gateUp();
    int flags = activationFlags(m) | factors.flags();
    Split split = tuning.blockGateUp();
    if (grouped && tuning.hasSmallBlocks()) {
      int groupFlags = flags | split.flags();
      add(
          "groupedGateUp",
          product(mostBlocks, split.groups(m.rows())),
          split.threads(),
          split.localFloats(2, tuning.tokens()),
          0,
          (g, n) ->
              g.task(
                  n,
                  BlockKernels::blockGateUp,
                  context,
                  blocks,
                  pairs,
                  factors.rows(),
                  x,
                  m.words(),
                  m.scales(),
                  m.order(),
                  m.bias(),
                  activated,
                  topK,
                  extra,
                  m.columns(),
                  m.rows(),
                  m.groupSize(),
                  groupFlags,
                  limit(),
                  layer.experts().activation().alpha(),
                  tuning.tokens()));
      return;
    }
    if (grouped) {
      tile(
          "groupedGateUp",
          m,
          split,
          blocks,
          pairs,
          factors.rows(),
          x,
          activated,
          topK,
          extra,
          flags,
          2,
          mostBlocks);
      return;
    }
    add(
        "groupedGateUp",
        0,
        0,
        0,
        product(mostBlocks, m.rows()),
        (g, n) ->
            g.task(
                n,
                WorkItemKernels::blockGateUp,
                context,
                blocks,
                pairs,
                factors.rows(),
                x,
                m.words(),
                m.scales(),
                m.order(),
                m.bias(),
                activated,
                topK,
                extra,
                m.columns(),
                m.rows(),
                m.groupSize(),
                flags,
                limit(),
                layer.experts().activation().alpha(),
                tuning.tokens(),
                split.rowsPerItem()));
  }

  /// @param matrices 2 for gate and up, 1 for down
  private void tile(
      String name,
      DeviceMatrix m,
      Split split,
      IntArray blocks,
      IntArray pairs,
      FloatArray factors,
      FloatArray x,
      FloatArray target,
      int topK,
      int extra,
      int flags,
      int matrices,
      int mostBlocks) {
    int tileFlags = flags | split.flags();
    add(
        name,
        product(mostBlocks, split.tiles(m.rows())),
        split.threads(),
        split.tileFloats(matrices, tuning.tokens()),
        0,
        (g, n) ->
            g.task(
                n,
                TileKernels::tile,
                context,
                blocks,
                pairs,
                factors,
                x,
                m.words(),
                m.scales(),
                m.order(),
                m.bias(),
                target,
                topK,
                extra,
                m.columns(),
                m.rows(),
                m.groupSize(),
                tileFlags,
                limit(),
                layer.experts().activation().alpha(),
                tuning.tokens(),
                matrices));
  }

  void blockDown(
      DeviceExperts part,
      IntArray blocks,
      IntArray pairs,
      FloatArray activated,
      FloatArray target,
      int mostBlocks) {
    DeviceMatrix m = part.down();
    Split split = tuning.blockDown();
    if (grouped && tuning.hasSmallBlocks()) {
      int flags = m.flags() | split.flags();
      add(
          "groupedDown",
          product(mostBlocks, split.groups(m.rows())),
          split.threads(),
          split.localFloats(1, tuning.tokens()),
          0,
          (g, n) ->
              g.task(
                  n,
                  BlockKernels::blockDown,
                  context,
                  blocks,
                  pairs,
                  activated,
                  m.words(),
                  m.scales(),
                  m.order(),
                  m.bias(),
                  target,
                  m.columns(),
                  m.rows(),
                  m.groupSize(),
                  flags,
                  tuning.tokens()));
      return;
    }
    if (grouped) {
      tile(
          "groupedDown",
          m,
          split,
          blocks,
          pairs,
          DeviceArrays.floats(1),
          activated,
          target,
          1,
          0,
          m.flags(),
          1,
          mostBlocks);
      return;
    }
    add(
        "groupedDown",
        0,
        0,
        0,
        product(mostBlocks, m.rows()),
        (g, n) ->
            g.task(
                n,
                WorkItemKernels::blockDown,
                context,
                blocks,
                pairs,
                activated,
                m.words(),
                m.scales(),
                m.order(),
                m.bias(),
                target,
                m.columns(),
                m.rows(),
                m.groupSize(),
                m.flags(),
                tuning.tokens(),
                split.rowsPerItem()));
  }

  private static int elsewhere(DeviceExperts part, int extra) {
    return part.extra() < extra ? Flags.EXTRA_ELSEWHERE : 0;
  }

  private int activationFlags(DeviceMatrix m) {
    Activation activation = layer.experts().activation();
    return m.flags()
        | (layer.experts().isGated() ? Flags.GATED : 0)
        | number(activation.function()) << Flags.FUNCTION_SHIFT;
  }

  private static int number(Activation.Function function) {
    return switch (function) {
      case SILU -> Activations.SILU;
      case GELU -> Activations.GELU;
      case GELU_TANH -> Activations.GELU_TANH;
      case RELU -> Activations.RELU;
      case RELU_SQUARED -> Activations.RELU_SQUARED;
      case SWIGLU_OAI -> Activations.SWIGLU_OAI;
    };
  }

  /// An infinity can't be a constant of a kernel.
  private float limit() {
    return Math.min(layer.experts().activation().limit(), Float.MAX_VALUE);
  }
}
