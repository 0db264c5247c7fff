package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.graph.KernelCall;
import dev.tornadomoe.tornado.graph.Launch;
import dev.tornadomoe.tornado.graph.LaunchArrays;
import dev.tornadomoe.tornado.graph.LayerArrays;
import dev.tornadomoe.tornado.graph.LayerCalls;
import dev.tornadomoe.tornado.graph.SessionArrays;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// MoE layers inside a task graph of your own, on arrays of your own: nothing is copied to the host,
/// and the tasks before and after share the device's buffers with ours.
///
///     TornadoMoe moe = TornadoMoe.of(plan);
///     graph.task("norm", Mine::rmsNorm, context, x, normed);
///     moe.layer(0).input(normed).output(y).appendTo(graph, grid);
///     graph.task("residual", Mine::add, context, y, x);
///
/// Arrays are F32, rows `[M, H]` without gaps. What the plan promises of the caller's memory holds
/// for them: a plan `inPlace` gets the same array as input and output, one with a residual `GIVEN`
/// gets that, one that says nothing of either gets different arrays. Layers that are added to the
/// same graph share one workspace.
///
/// Build graphs on one thread, and execute a plan of them on one thread. After its first execution a
/// plan can be replayed, which costs what its kernels cost, whoever's tasks are in its graphs:
/// [dev.tornadomoe.tornado.replay.GraphReplay]. Tokens that change with a step then come from
/// [#tokens].
@SuppressWarnings("ReferenceEquality") // the same array is the same buffer on the device
public final class TornadoMoe {
  private final MoePlan plan;
  private final ChosenDevice device;
  private final DeviceWeights weights;
  private final Map<TaskGraph, Appended> graphs = new HashMap<>();
  private int place;
  private int maxTokens;
  private @Nullable FloatArray input;
  private @Nullable FloatArray output;
  private @Nullable FloatArray residual;
  private @Nullable IntArray ids;
  private @Nullable FloatArray routerWeights;
  private @Nullable IntArray tokens;
  private @Nullable String weightsFrom;

  /// What has been added to a graph.
  private static final class Appended {
    private final LaunchArrays arrays;
    private int layers;

    Appended(LaunchArrays arrays) {
      this.arrays = arrays;
    }
  }

  private TornadoMoe(MoePlan plan, ChosenDevice device, DeviceWeights weights) {
    this.plan = plan;
    this.device = device;
    this.weights = weights;
    this.maxTokens = plan.options().chunkTokens();
  }

  /// Loads a plan's weights for the device that `moe devices` says is used.
  ///
  /// @param plan of layers whose steps have kernels
  /// @return what adds these layers to graphs, layer 0 first
  /// @throws dev.tornadomoe.MoeException when they do not fit or can't be right
  public static TornadoMoe of(MoePlan plan) {
    new TornadoBackend().requirePrecision(plan);
    ChosenDevice device = TornadoBackend.device();
    return new TornadoMoe(plan, device, DeviceMemory.load(plan, device.limits(), Progress.NONE));
  }

  /// Which layer comes next, by its place in the plan; 0 unless set.
  ///
  /// @param number 0 for the plan's first layer
  /// @return this
  public TornadoMoe layer(int number) {
    if (number < 0 || number >= plan.layers().size()) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "the plan has layers 0 to %d, asked for layer %d",
              plan.layers().size() - 1,
              number));
    }
    place = number;
    return this;
  }

  /// For how many tokens at most the tasks are made; as many as the plan is for unless set. All
  /// layers of a graph have the same.
  ///
  /// @param count 1 to the plan's `maxTokens`
  /// @return this
  public TornadoMoe maxTokens(int count) {
    if (count < 1 || count > plan.options().chunkTokens()) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "tasks can be made for 1 to %d tokens, asked for %d",
              plan.options().chunkTokens(),
              count));
    }
    maxTokens = count;
    return this;
  }

  /// Hidden states `[M, H]`.
  ///
  /// @param rows row-major, at least `maxTokens * H` elements
  /// @return this
  public TornadoMoe input(FloatArray rows) {
    input = rows;
    return this;
  }

  /// Where the result `[M, H]` goes.
  ///
  /// @param rows row-major, at least `maxTokens * H` elements
  /// @return this
  public TornadoMoe output(FloatArray rows) {
    output = rows;
    return this;
  }

  /// Rows `[M, H]` to add, for plans with a given residual.
  ///
  /// @param rows row-major, at least `maxTokens * H` elements
  /// @return this
  public TornadoMoe residual(FloatArray rows) {
    residual = rows;
    return this;
  }

  /// Chosen experts and their weights `[M, k]`, for plans in which the caller routes: what a router
  /// task of your own writes. Ids must be within 0 to E - 1 and distinct for a token; nothing
  /// checks that on the device.
  ///
  /// @param topkIds row-major, at least `maxTokens * k` elements
  /// @param topkWeights row-major, at least `maxTokens * k` elements
  /// @return this
  public TornadoMoe routing(IntArray topkIds, FloatArray topkWeights) {
    ids = topkIds;
    routerWeights = topkWeights;
    return this;
  }

  /// An array whose first element is M when the graph runs, which you transfer to the device.
  /// Without it M is [#maxTokens].
  ///
  /// @param count at least one element
  /// @return this
  public TornadoMoe tokens(IntArray count) {
    tokens = count;
    return this;
  }

  /// Takes weights that another graph of the same execution plan has uploaded and persisted
  /// ([#weights]), instead of uploading them with this graph. TornadoVM wants that graph to be the
  /// one that is executed before.
  ///
  /// @param graphName of the graph that has persisted them
  /// @return this
  public TornadoMoe weightsFrom(String graphName) {
    weightsFrom = graphName;
    return this;
  }

  /// A layer's weights, to be persisted for another graph: `graph.persistOnDevice(...)`.
  ///
  /// @param number its place in the plan
  /// @return TornadoVM arrays, in the order in which tasks name them
  public Object[] weights(int number) {
    return weights.layers().get(number).arrays().toArray();
  }

  /// Adds the tasks of the chosen layer to a graph, and their worker grids to a scheduler. Input,
  /// output and the like must be given anew for each layer.
  ///
  /// @param graph that gets the tasks and the transfers of weights
  /// @param grid that gets a worker grid for each task
  /// @return the tasks' names
  /// @throws BackendException when the arrays do not fit the plan, or a kernel the device
  public List<String> appendTo(TaskGraph graph, GridScheduler grid) {
    Appended appended = graphs.computeIfAbsent(graph, g -> new Appended(arrays()));
    LaunchArrays arrays = appended.arrays;
    if (arrays.size().bucket() != plan.bucket(maxTokens)) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "graph %s has layers for up to %d tokens; all of a graph are for the same, found %d",
              graph.getTaskGraphName(),
              arrays.size().bucket().maxTokens(),
              maxTokens));
    }
    giveArrays(arrays.arrays());
    DeviceLayer layer = weights.layers().get(place);
    IntArray count = tokens == null ? fixedTokens(graph) : admitted("tokens", tokens);
    List<KernelCall> calls =
        LayerCalls.of(
            String.format(Locale.ROOT, "moe%d_", appended.layers++),
            layer,
            arrays.steps().get(place),
            arrays.ofLayers().get(place),
            count,
            device.tuning(),
            maxTokens);
    Object[] constants = layer.arrays().toArray();
    if (weightsFrom == null) {
      graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, constants);
    } else {
      graph.consumeFromDevice(weightsFrom, constants);
    }
    calls.forEach(call -> call.appendTo(graph, grid));
    forgetArrays();
    return calls.stream().map(KernelCall::name).toList();
  }

  private LaunchArrays arrays() {
    return LaunchArrays.of(
        new Launch.Size(plan.bucket(maxTokens), maxTokens),
        weights.layers(),
        device.limits().shape(),
        new SessionArrays());
  }

  private IntArray fixedTokens(TaskGraph graph) {
    IntArray count = DeviceArrays.ints(1);
    count.set(0, maxTokens);
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, count);
    return count;
  }

  private void giveArrays(LayerArrays arrays) {
    CallSpec spec = plan.options().call();
    MoeLayer layer = plan.layers().get(place);
    int rows = maxTokens * layer.hidden();
    FloatArray from = require("input", input, rows);
    FloatArray to = require("output", output, rows);
    if (spec.inPlace() != (from == to)) {
      throw new BackendException(
          spec.inPlace()
              ? "the plan is in place: input and output must be the same array"
              : "OVERLAPS_INPUT: input and output are the same array, which the plan does not allow; plan with inPlace()");
    }
    arrays.give(CallerRegion.HIDDEN, from);
    arrays.give(CallerRegion.OUTPUT, to);
    if (spec.residual() == Residual.GIVEN) {
      FloatArray added = require("residual", residual, rows);
      if (added == to) {
        throw new BackendException(
            "OVERLAPS_INPUT: residual and output are the same array, which the plan does not allow; plan with residual(IN_OUTPUT)");
      }
      arrays.give(CallerRegion.RESIDUAL, added);
    } else if (residual != null) {
      throw new BackendException(
          String.format(
              Locale.ROOT, "a residual is given, but the plan says residual %s", spec.residual()));
    }
    if (spec.callerRoutes() != (ids != null)) {
      throw new BackendException(
          spec.callerRoutes()
              ? "the plan needs ids and weights from the caller (routing)"
              : "ids and weights are given, but the plan uses the layer's router");
    }
    if (ids != null && routerWeights != null) {
      int pairs = maxTokens * layer.topK();
      if (ids.getSize() < pairs) {
        throw tooSmall("topk_ids", ids.getSize(), pairs);
      }
      arrays.give(CallerRegion.TOPK_IDS, admitted("topk_ids", ids));
      arrays.give(CallerRegion.TOPK_WEIGHTS, require("topk_weights", routerWeights, pairs));
    }
  }

  private static FloatArray require(String what, @Nullable FloatArray array, int elements) {
    if (array == null) {
      throw new BackendException(String.format(Locale.ROOT, "the layer has no %s", what));
    }
    if (array.getSize() < elements) {
      throw tooSmall(what, array.getSize(), elements);
    }
    return admitted(what, array);
  }

  private static <T> T admitted(String what, T array) {
    if (!DeviceArrays.admits(array)) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "%s has the identity hash code of another array, and TornadoVM would take them for one; allocate it anew",
              what));
    }
    return array;
  }

  private static BackendException tooSmall(String what, int found, int expected) {
    return new BackendException(
        String.format(
            Locale.ROOT, "%s has %d elements, expected at least %d", what, found, expected));
  }

  private void forgetArrays() {
    input = null;
    output = null;
    residual = null;
    ids = null;
    routerWeights = null;
  }
}
