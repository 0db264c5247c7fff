package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.CallInterruptedException;
import dev.tornadomoe.examples.decoder.Attention;
import dev.tornadomoe.examples.decoder.Decoder;
import dev.tornadomoe.examples.decoder.DecoderConfig;
import dev.tornadomoe.examples.decoder.DecoderModel;
import dev.tornadomoe.examples.decoder.Main;
import dev.tornadomoe.tornado.TornadoMoe;
import dev.tornadomoe.tornado.replay.GraphSequence;
import dev.tornadomoe.tornado.replay.LaunchTime;
import dev.tornadomoe.tornado.replay.PinnedMemory;
import dev.tornadomoe.tornado.replay.ReplayMode;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.runtime.TornadoRuntimeProvider;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// A model on the device that TornadoVM finds: a step is one execution plan, and is replayed. Only
/// embeddings go up and logits come back.
public final class TornadoDecoder extends Decoder {
  /// Up to so many tokens the library's kernels are those for a decode step.
  private static final int MOST_TOKENS = 4;

  /// What one graph of TornadoVM has room for, with the library's tasks.
  private static final int LAYERS_OF_GRAPH = 4;

  private static final int MOST_THREADS = 512;

  private final DecoderConfig config = model.config();
  private final int chunk = options.chunk();
  private final int positions = options.positions();
  private final TornadoMoe moe;
  private final PinnedMemory pinned;
  private final GraphSequence graphs;
  private final KernelContext context = new KernelContext();
  private final GridScheduler grid = new GridScheduler();
  private final int attentionThreads;
  private final FloatArray angles;

  /// M, and the position of the first token.
  private final IntArray step = new IntArray(2);

  /// `[tokens, H]`: embeddings on their way up, then the residual stream.
  private final FloatArray x;

  private final FloatArray qkv =
      new FloatArray(chunk * (config.queryWidth() + 2 * config.kvWidth()));
  private final FloatArray attended = new FloatArray(chunk * config.queryWidth());
  private final FloatArray normed = new FloatArray(chunk * config.hidden());

  /// `[vocabulary]`, of the last token.
  private final FloatArray logits;

  private long copies;

  private TornadoDecoder(DecoderModel model, Options options) {
    super(model, options);
    TornadoDevice device = TornadoRuntimeProvider.getTornadoRuntime().getDefaultDevice();
    long most = device.getPhysicalDevice().getDeviceMaxWorkGroupSize()[0];
    attentionThreads = (int) Math.min(most, MOST_THREADS) / config.headDim() * config.headDim();
    angles = FloatArray.fromArray(Attention.angles(config, positions));
    pinned = new PinnedMemory(device, ReplayMode.chosen());
    x = pinned.floats(chunk * config.hidden());
    logits = pinned.floats(config.vocabulary());
    moe = TornadoMoe.of(plan, options.progress());
    // Compiles and uploads: with no tokens nothing is computed.
    graphs = GraphSequence.of(grid, graphs());
  }

  /// Runs the command on the device and exits.
  public static void main(String[] arguments) {
    System.exit(Main.command("tornado", TornadoDecoder::load).execute(arguments));
  }

  static Decoder load(DecoderModel model, Options options) {
    Backends.require("tornado"); // before a class of TornadoVM loads: it sets that up
    int chunk = Math.min(options.chunk(), MOST_TOKENS);
    return new TornadoDecoder(
        model, new Options(options.positions(), chunk, options.alias(), options.progress()));
  }

  /// The graphs in the order of execution, which share their arrays.
  private List<ImmutableTaskGraph> graphs() {
    List<ImmutableTaskGraph> built = new ArrayList<>();
    int layers = config.layers();
    for (int first = 0; first < layers; first += LAYERS_OF_GRAPH) {
      TaskGraph graph = new TaskGraph("layers" + first);
      if (first == 0) {
        graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, x, step);
      }
      graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, angles);
      int end = Math.min(layers, first + LAYERS_OF_GRAPH);
      for (int i = first; i < end; i++) {
        addLayer(graph, i, model.layers().get(i));
      }
      if (end == layers) {
        DeviceMatrix head = DeviceMatrix.of(model.head());
        int flags = Kernels.NORMED | Kernels.LAST_TOKEN;
        project(graph, "head", x, model.norm().weight(), head, logits, flags);
        graph.transferToHost(DataTransferMode.EVERY_EXECUTION, logits);
      }
      built.add(graph.snapshot());
    }
    return built;
  }

  /// Queries, keys and values of the normed rows, attention, its projection onto the residual
  /// stream, a norm, and the library's tasks, which add to the residual stream themselves.
  private void addLayer(TaskGraph graph, int index, DecoderModel.Layer layer) {
    DeviceMatrix queriesKeysValues = DeviceMatrix.of(layer.q(), layer.k(), layer.v());
    float[] norm = layer.attentionNorm().weight();
    project(graph, "qkv" + index, x, norm, queriesKeysValues, qkv, Kernels.NORMED);
    attend(graph, index, layer);
    DeviceMatrix output = DeviceMatrix.of(layer.o());
    project(graph, "o" + index, attended, new float[1], output, x, Kernels.ADD);
    FloatArray weight = upload(graph, layer.moeNorm().weight());
    String name = "norm" + index;
    float epsilon = config.epsilon();
    graph.task(name, Kernels::norm, context, step, x, weight, normed, config.hidden(), epsilon);
    work(graph, name, chunk, Kernels.THREADS);
    moe.layer(index).input(normed).output(x).tokens(step).appendTo(graph, grid);
  }

  private void attend(TaskGraph graph, int index, DecoderModel.Layer layer) {
    int heads = config.heads();
    FloatArray keys = new FloatArray(config.kvWidth() * positions);
    FloatArray values = new FloatArray(config.kvWidth() * positions);
    graph.task(
        "rotate" + index,
        Kernels::normAndRotate,
        context,
        step,
        qkv,
        upload(graph, layer.queryNorm().weight()),
        upload(graph, layer.keyNorm().weight()),
        angles,
        keys,
        values,
        heads,
        config.kvHeads(),
        config.headDim(),
        positions,
        config.epsilon());
    work(graph, "rotate" + index, chunk * (heads + config.kvHeads()), config.headDim());
    graph.task(
        "attend" + index,
        Kernels::attend,
        context,
        step,
        qkv,
        keys,
        values,
        attended,
        heads,
        config.kvHeads(),
        config.headDim(),
        positions,
        attentionThreads);
    work(graph, "attend" + index, chunk * heads, attentionThreads);
  }

  private void project(
      TaskGraph graph,
      String name,
      FloatArray from,
      float[] norm,
      DeviceMatrix w,
      FloatArray to,
      int flags) {
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, w.words(), w.floats());
    graph.task(
        name,
        Kernels::project,
        context,
        step,
        from,
        upload(graph, norm),
        w.words(),
        w.floats(),
        to,
        w.rows(),
        w.columns(),
        flags | w.flags(),
        config.epsilon());
    int tokens = (flags & Kernels.LAST_TOKEN) == 0 ? chunk : 1;
    work(graph, name, tokens * Math.ceilDiv(w.rows(), Kernels.ROWS), Kernels.THREADS);
  }

  private static FloatArray upload(TaskGraph graph, float... weights) {
    FloatArray array = FloatArray.fromArray(weights);
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, array);
    return array;
  }

  private void work(TaskGraph graph, String task, int groups, int threads) {
    WorkerGrid1D worker = new WorkerGrid1D(Math.multiplyExact(groups, threads));
    worker.setLocalWork(threads, 1, 1);
    grid.addWorkerGrid(graph.getTaskGraphName() + "." + task, worker);
  }

  @Override
  protected float[] run(int position, int... ids) {
    if (Thread.currentThread().isInterrupted()) {
      throw new CallInterruptedException("interrupted before position " + position);
    }
    give(position, ids);
    graphs.run();
    copies += plan.bucket(chunk).copies();
    return logits.getSegment().toArray(ValueLayout.JAVA_FLOAT);
  }

  private void give(int position, int... ids) {
    float[] rows = embed(ids);
    MemorySegment.copy(rows, 0, x.getSegment(), ValueLayout.JAVA_FLOAT, 0, rows.length);
    step.set(0, ids.length);
    step.set(1, position);
  }

  @Override
  public Map<String, Long> profile() {
    give(length, 0);
    Map<String, Long> nanos = new TreeMap<>();
    for (LaunchTime time : graphs.profile()) { // of kernel qkv3 in graph layers0, say
      nanos.merge(time.task().replaceAll(".*\\.|\\d", ""), time.nanos(), Long::sum);
    }
    return nanos;
  }

  @Override
  public long copies() {
    return copies;
  }

  @Override
  public void close() {
    graphs.close();
    moe.close();
    pinned.close();
  }
}
