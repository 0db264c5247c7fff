package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.device.DeviceBudget;
import dev.tornadomoe.tornado.graph.GraphNeeds;
import dev.tornadomoe.tornado.graph.GraphRoom;
import dev.tornadomoe.tornado.graph.KernelCall;
import dev.tornadomoe.tornado.graph.Launch;
import dev.tornadomoe.tornado.graph.LaunchArrays;
import dev.tornadomoe.tornado.graph.LayerCalls;
import dev.tornadomoe.tornado.graph.SessionArrays;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import java.nio.BufferOverflowException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.exceptions.TornadoTaskRuntimeException;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// MoE layers inside a task graph of your own, on arrays of your own: nothing is copied to the host,
/// and the tasks before and after share the device's buffers with ours.
///
///     TornadoMoe moe = TornadoMoe.of(plan);
///     graph.task("norm", Mine::rmsNorm, context, x, normed);
///     MoeTasks tasks = moe.layer(0).input(normed).output(y).appendTo(graph);
///     graph.task("residual", Mine::add, context, y, x);
///     tasks.schedule(grid); // whenever there is one
///
/// Arrays are F32, rows `[M, H]` without gaps. What the plan promises of the caller's memory holds
/// for them: a plan `inPlace` gets the same array as input and output, one with a residual `GIVEN`
/// gets that, one that says nothing of either gets different arrays. Layers that are added to the
/// same graph share one workspace.
///
/// [#layer], [#maxTokens], [#tokens] and [#prefix] stay as they were set; input, output, residual,
/// routing, token ids, router states and tail are for the next layer that is added.
///
/// Each graph uploads the weights of its layers at its first execution, unless the graphs of a plan
/// share their memory: [dev.tornadomoe.tornado.replay.GraphMemory]. The checkpoint may be closed
/// when this is made; weights are in arrays then, which stay in host memory as long as a graph
/// refers to them.
///
/// Build graphs on one thread, and execute a plan of them on one thread at a time. After its first
/// execution a plan can be replayed, which costs what its kernels cost, whoever's tasks are in its
/// graphs: [dev.tornadomoe.tornado.replay.GraphReplay]. Tokens that change with a step then come
/// from [#tokens].
public final class TornadoMoe implements AutoCloseable {
  private static final Pattern PREFIX = Pattern.compile("[A-Za-z][A-Za-z0-9_]*");

  private final MoePlan plan;
  private final ChosenDevice device;
  private final DeviceWeights weights;
  private final DeviceBudget room;
  private final Map<TaskGraph, Appended> graphs = new HashMap<>();
  private final Map<Integer, LaunchArrays> spare = new HashMap<>();
  private GivenArrays given = new GivenArrays();
  private String prefix = "moe";
  private int index;
  private int maxTokens;
  private @Nullable IntArray tokens;
  private boolean closed;

  /// What has been added to a graph.
  private static final class Appended {
    private final LaunchArrays arrays;
    private int layers;

    Appended(LaunchArrays arrays) {
      this.arrays = arrays;
    }
  }

  private TornadoMoe(MoePlan plan, ChosenDevice device, DeviceWeights weights, DeviceBudget room) {
    this.plan = plan;
    this.device = device;
    this.weights = weights;
    this.room = room;
    this.maxTokens = plan.options().chunkTokens();
  }

  /// Loads a plan's weights for the device that `moe devices` says is used. The plan's pieces are
  /// those that suit the device where its planner is from [TornadoBackend#planner].
  ///
  /// @param plan of layers whose steps have kernels
  /// @return what adds these layers to graphs, layer 0 first
  /// @throws dev.tornadomoe.MoeException when they do not fit or can't be right
  public static TornadoMoe of(MoePlan plan) {
    return of(plan, Progress.NONE);
  }

  /// The same.
  ///
  /// @param plan of layers whose steps have kernels
  /// @param progress hears how far loading is
  /// @return what adds these layers to graphs, layer 0 first
  /// @throws dev.tornadomoe.MoeException when they do not fit or can't be right
  public static TornadoMoe of(MoePlan plan, Progress progress) {
    new TornadoBackend().requirePrecision(plan);
    ChosenDevice device = TornadoBackend.device();
    SessionMemory memory = DeviceMemory.of(plan, device.limits());
    DeviceBudget room =
        DeviceBudget.take(DeviceWeights.name(plan), memory.total().device(), device.limits());
    try {
      DeviceWeights weights = DeviceMemory.load(plan, memory, device.limits(), progress);
      return new TornadoMoe(plan, device, weights, room);
    } catch (RuntimeException | Error e) {
      room.close();
      throw e;
    }
  }

  /// Which layer comes next, by its index in the plan; 0 unless set.
  ///
  /// @param index 0 for the plan's first layer
  /// @return this
  public TornadoMoe layer(int index) {
    if (index < 0 || index >= plan.layers().size()) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "the plan has layers 0 to %d, asked for layer %d",
              plan.layers().size() - 1,
              index));
    }
    this.index = index;
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

  /// What the names of all tasks begin with; `moe` unless set. Two of these in one graph need
  /// different ones.
  ///
  /// @param letters a letter, then letters, digits and `_`
  /// @return this
  public TornadoMoe prefix(String letters) {
    if (!PREFIX.matcher(letters).matches()) {
      throw new BackendException(
          String.format(
              Locale.ROOT, "prefix \"%s\": expected a letter, then letters and digits", letters));
    }
    prefix = letters;
    return this;
  }

  /// Hidden states `[M, H]`.
  ///
  /// @param rows row-major, at least `maxTokens * H` elements
  /// @return this
  public TornadoMoe input(FloatArray rows) {
    given.input = rows;
    return this;
  }

  /// Where the result `[M, H]` goes, or for a deferred output the experts' rows `[M*k, H]`.
  ///
  /// @param rows row-major, at least `maxTokens * H` elements, or `maxTokens * k * H`
  /// @return this
  public TornadoMoe output(FloatArray rows) {
    given.output = rows;
    return this;
  }

  /// Rows `[M, H]` to add, for plans with a given residual.
  ///
  /// @param rows row-major, at least `maxTokens * H` elements
  /// @return this
  public TornadoMoe residual(FloatArray rows) {
    given.residual = rows;
    return this;
  }

  /// Chosen experts and their weights `[M, k]`: what a router task of your own writes, for plans in
  /// which the caller routes, or what the layer's router writes for the task of your own that sums
  /// a deferred output. A caller's ids must be within 0 to E - 1 and distinct for a token; nothing
  /// checks that on the device.
  ///
  /// @param topkIds row-major, at least `maxTokens * k` elements
  /// @param topkWeights row-major, at least `maxTokens * k` elements
  /// @return this
  public TornadoMoe routing(IntArray topkIds, FloatArray topkWeights) {
    given.ids = topkIds;
    given.routerWeights = topkWeights;
    return this;
  }

  /// The tokens' ids `[M]`, for layers that choose experts by them ([MoePlan#inputs] says which).
  /// They must be within the model's vocabulary; nothing checks that on the device.
  ///
  /// @param ids at least `maxTokens` elements
  /// @return this
  public TornadoMoe tokenIds(IntArray ids) {
    given.tokenIds = ids;
    return this;
  }

  /// What routers hand on `[M, R]`, for layers whose router is an MLP ([MoePlan#results] says
  /// which): each reads what the layer before has left and leaves its own there, so all get the
  /// same array. The model's first layer reads none; a graph that begins with a later one transfers
  /// it before.
  ///
  /// @param states row-major, at least `maxTokens * R` elements, R =
  ///   [dev.tornadomoe.layer.MoeLayer#routerStates]
  /// @return this
  public TornadoMoe routerStates(FloatArray states) {
    given.routerStates = states;
    return this;
  }

  /// The norm's weights and where its rows go, for plans with a tail. The weights are yours to
  /// transfer to the device.
  ///
  /// @param weights at least `H` elements
  /// @param rows row-major, at least `maxTokens * H` elements
  /// @return this
  public TornadoMoe tail(FloatArray weights, FloatArray rows) {
    given.normWeights = weights;
    given.normed = rows;
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

  /// What the chosen layer will take of a graph, and of the device. A graph has room for layers
  /// whose needs together are [GraphNeeds#fitsGraph]; tasks of your own take room, too.
  ///
  /// @return tasks, TornadoVM's code and nodes for them, and weights on the device
  public GraphNeeds needs() {
    requireOpen();
    LaunchArrays arrays = spare.computeIfAbsent(maxTokens, this::arrays);
    DeviceLayer layer = weights.layers().get(index);
    List<KernelCall> calls = calls(layer, arrays, "", DeviceArrays.ints(1));
    return GraphRoom.needs(layer, calls)
        .plus(GraphRoom.ofRows(arrays.ofLayers().get(index).used()));
  }

  /// Adds the tasks of the chosen layer to a graph. Input, output and the like must be given anew
  /// for each layer.
  ///
  /// @param graph that gets the tasks and the transfers of weights
  /// @return the tasks, whose worker grids the plan's scheduler must have when it is executed
  /// @throws BackendException when the arrays do not fit the plan, a kernel the device, or the
  ///   layer the graph, which is of no use then
  public MoeTasks appendTo(TaskGraph graph) {
    requireOpen();
    Appended appended = graphs.computeIfAbsent(graph, g -> new Appended(takeArrays()));
    LaunchArrays arrays = appended.arrays;
    if (arrays.size().maxTokens() != maxTokens) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "graph %s has layers for up to %d tokens; all of a graph are for the same, found %d",
              graph.getTaskGraphName(),
              arrays.size().maxTokens(),
              maxTokens));
    }
    given.giveTo(arrays.arrays(), plan, index, maxTokens);
    DeviceLayer layer = weights.layers().get(index);
    IntArray count = tokens == null ? fixedTokens(graph) : GivenArrays.admitted("tokens", tokens);
    String names = String.format(Locale.ROOT, "%s%d_", prefix, appended.layers++);
    List<KernelCall> calls = calls(layer, arrays, names, count);
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, layer.arrays().toArray());
    List<MoeTasks.Task> added = new ArrayList<>();
    for (KernelCall call : calls) {
      add(call, graph);
      added.add(new MoeTasks.Task(graph.getTaskGraphName() + "." + call.name(), call.workers()));
    }
    given = new GivenArrays();
    return new MoeTasks(added);
  }

  /// The same with a scheduler that is there already.
  ///
  /// @param graph that gets the tasks and the transfers of weights
  /// @param grid that gets a worker grid for each task
  /// @return the tasks
  /// @throws BackendException as the other does
  public MoeTasks appendTo(TaskGraph graph, GridScheduler grid) {
    MoeTasks added = appendTo(graph);
    added.schedule(grid);
    return added;
  }

  private static void add(KernelCall call, TaskGraph graph) {
    try {
      call.task().addTo(graph, call.name());
    } catch (BufferOverflowException e) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "graph %s is full: TornadoVM has 8 KiB for the code of its tasks, and %s has no room;"
                  + " put fewer layers into a graph",
              graph.getTaskGraphName(),
              call.name()),
          e);
    } catch (TornadoTaskRuntimeException e) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "graph %s does not take task %s (%s); two TornadoMoe in one graph need different"
                  + " prefixes",
              graph.getTaskGraphName(),
              call.name(),
              e.getMessage()),
          e);
    }
  }

  private List<KernelCall> calls(
      DeviceLayer layer, LaunchArrays arrays, String names, IntArray count) {
    return LayerCalls.of(
        names,
        layer,
        arrays.steps().get(index),
        arrays.ofLayers().get(index),
        count,
        device.tuning(),
        maxTokens);
  }

  /// Arrays of a new graph: those that [#needs] made, if it was asked.
  private LaunchArrays takeArrays() {
    LaunchArrays made = spare.remove(maxTokens);
    return made == null ? arrays(maxTokens) : made;
  }

  private LaunchArrays arrays(int most) {
    return LaunchArrays.of(
        new Launch.Size(plan.bucket(most), most),
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

  private void requireOpen() {
    if (closed) {
      throw new BackendException("these layers are closed");
    }
  }

  /// Ends it: nothing can be added to a graph any more, and what it was counted with of the
  /// device's memory is free for others. Graphs and plans stay as they are; close their plans
  /// before.
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      graphs.clear();
      spare.clear();
      room.close();
    }
  }
}
