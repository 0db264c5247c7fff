package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.examples.decoder.DecoderConfig;
import dev.tornadomoe.examples.decoder.DecoderException;
import dev.tornadomoe.examples.decoder.DecoderModel;
import dev.tornadomoe.examples.decoder.Norm;
import dev.tornadomoe.examples.decoder.Rotation;
import dev.tornadomoe.tornado.TornadoMoe;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/// The graphs of a step, with some layers each: for each layer queries, keys and values of the
/// normed rows, attention, its projection onto the residual stream, a norm, and the library's
/// tasks, which add to the residual stream themselves.
final class StepGraphs {
  /// What one graph of TornadoVM has room for, with the library's tasks.
  private static final int LAYERS_OF_GRAPH = 4;

  /// The most work-items for a head.
  private static final int MOST_THREADS = 512;

  /// `[tokens, H]`: embeddings on their way up, then the residual stream.
  final FloatArray x;

  /// M, and the position of the first token.
  final IntArray step = new IntArray(2);

  /// `[vocabulary]`, of the last token.
  final FloatArray logits;

  /// The work-items of all tasks.
  final GridScheduler grid = new GridScheduler();

  private final DecoderModel model;
  private final DecoderConfig config;
  private final int tokens;
  private final int positions;
  private final int threads;
  private final TornadoMoe moe;
  private final KernelContext context = new KernelContext();
  private final FloatArray angles;
  private final FloatArray qkv;
  private final FloatArray attended;
  private final FloatArray normed;

  /// @param tokens the most of a step
  /// @param positions of the longest sequence
  /// @param host memory that a device reads and writes itself
  /// @param mostThreads of a work-group, as the device has it
  StepGraphs(
      DecoderModel model,
      int tokens,
      int positions,
      TornadoMoe moe,
      SegmentAllocator host,
      long mostThreads) {
    this.model = model;
    this.tokens = tokens;
    this.positions = positions;
    this.moe = moe;
    config = model.config();
    int most = (int) Math.min(mostThreads, MOST_THREADS);
    if (Math.max(config.headDim(), ProjectionKernels.THREADS) > most) {
      throw new DecoderException(
          "heads of %d elements need work-groups of %d, and at most %d are possible",
          config.headDim(), Math.max(config.headDim(), ProjectionKernels.THREADS), most);
    }
    threads = most / config.headDim() * config.headDim();
    x = floats(tokens * config.hidden(), host);
    logits = floats(config.vocabulary(), host);
    angles = FloatArray.fromArray(new Rotation(config, positions).table());
    qkv = new FloatArray(tokens * (config.queryWidth() + 2 * config.keyValueWidth()));
    attended = new FloatArray(tokens * config.queryWidth());
    normed = new FloatArray(tokens * config.hidden());
  }

  private static FloatArray floats(int elements, SegmentAllocator host) {
    return FloatArray.fromSegmentShallow(
        host.allocate(TornadoNativeArray.ARRAY_HEADER + (long) elements * Float.BYTES, 64));
  }

  /// The graphs, in the order of execution: each hands the residual stream on to the next.
  List<ImmutableTaskGraph> build() {
    List<ImmutableTaskGraph> graphs = new ArrayList<>();
    int layers = model.layers().size();
    for (int first = 0; first < layers; first += LAYERS_OF_GRAPH) {
      int end = Math.min(layers, first + LAYERS_OF_GRAPH);
      TaskGraph graph = new TaskGraph("layers" + first);
      if (first == 0) {
        graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, x, step);
        graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, angles);
      } else {
        graph.consumeFromDevice("layers" + (first - LAYERS_OF_GRAPH), x, step, angles);
      }
      for (int place = first; place < end; place++) {
        addLayer(graph, place, model.layers().get(place));
      }
      if (end == layers) {
        int flags = ProjectionKernels.NORMED | ProjectionKernels.LAST_TOKEN;
        float[] norm = model.norm().weight();
        project(graph, "head", x, norm, DeviceMatrix.of(model.head()), logits, flags);
        graph.transferToHost(DataTransferMode.EVERY_EXECUTION, logits);
      } else {
        graph.persistOnDevice(x, step, angles);
      }
      graphs.add(graph.snapshot());
    }
    return graphs;
  }

  private void addLayer(TaskGraph graph, int place, DecoderModel.Layer layer) {
    DeviceMatrix queriesKeysValues = DeviceMatrix.of(layer.q(), layer.k(), layer.v());
    float[] norm = layer.attentionNorm().weight();
    project(graph, "qkv" + place, x, norm, queriesKeysValues, qkv, ProjectionKernels.NORMED);
    attend(graph, place, layer.queryNorm(), layer.keyNorm());
    DeviceMatrix output = DeviceMatrix.of(layer.o());
    project(graph, "o" + place, attended, new float[1], output, x, ProjectionKernels.ADD);
    graph.task(
        "norm" + place,
        ProjectionKernels::norm,
        context,
        step,
        x,
        upload(graph, layer.moeNorm().weight()),
        normed,
        config.hidden(),
        config.epsilon());
    work(graph, "norm" + place, tokens, ProjectionKernels.THREADS);
    moe.layer(place).input(normed).output(x).tokens(step).appendTo(graph, grid);
  }

  private void attend(TaskGraph graph, int place, Norm queryNorm, Norm keyNorm) {
    FloatArray keys = new FloatArray(config.keyValueWidth() * positions);
    FloatArray values = new FloatArray(config.keyValueWidth() * positions);
    graph.task(
        "rotate" + place,
        AttentionKernels::normAndRotate,
        context,
        step,
        qkv,
        upload(graph, queryNorm.weight()),
        upload(graph, keyNorm.weight()),
        angles,
        keys,
        values,
        config.heads(),
        config.keyValueHeads(),
        config.headDim(),
        positions,
        config.epsilon());
    int allHeads = config.heads() + config.keyValueHeads();
    work(graph, "rotate" + place, tokens * allHeads, config.headDim());
    graph.task(
        "attend" + place,
        AttentionKernels::attend,
        context,
        step,
        qkv,
        keys,
        values,
        attended,
        config.heads(),
        config.keyValueHeads(),
        config.headDim(),
        positions,
        threads);
    work(graph, "attend" + place, tokens * config.heads(), threads);
  }

  private void project(
      TaskGraph graph,
      String name,
      FloatArray from,
      float[] norm,
      DeviceMatrix w,
      FloatArray to,
      int flags) {
    int n = ProjectionKernels.rowsOfGroup(w.rows());
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, w.words(), w.floats());
    graph.task(
        name,
        ProjectionKernels::project,
        context,
        step,
        from,
        upload(graph, norm),
        w.words(),
        w.floats(),
        to,
        w.rows(),
        w.columns(),
        n,
        flags | w.flags(),
        config.epsilon());
    int most = (flags & ProjectionKernels.LAST_TOKEN) == 0 ? tokens : 1;
    work(graph, name, most * Math.ceilDiv(w.rows(), n), ProjectionKernels.THREADS);
  }

  private static FloatArray upload(TaskGraph graph, float... weights) {
    FloatArray array = FloatArray.fromArray(weights);
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, array);
    return array;
  }

  private void work(TaskGraph graph, String task, int groups, int threadsOfGroup) {
    WorkerGrid1D worker = new WorkerGrid1D(Math.multiplyExact(groups, threadsOfGroup));
    worker.setLocalWork(threadsOfGroup, 1, 1);
    grid.addWorkerGrid(graph.getTaskGraphName() + "." + task, worker);
  }
}
