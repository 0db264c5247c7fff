package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.examples.decoder.DecoderConfig;
import dev.tornadomoe.examples.decoder.DecoderException;
import dev.tornadomoe.examples.decoder.DecoderModel;
import dev.tornadomoe.examples.decoder.Norm;
import dev.tornadomoe.tornado.MoeTasks;
import dev.tornadomoe.tornado.TornadoMoe;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// A graph with some layers of a step: for each one queries, keys and values of the normed rows,
/// attention, its projection onto the residual stream, a norm, and the library's tasks, which add
/// to the residual stream themselves.
final class StepGraph {
  /// Positions that are enough for a work-group.
  private static final int POSITIONS_OF_GROUP = 512;

  /// The most work-groups for a head.
  private static final int MOST_SPLITS = 16;

  /// The most work-items for a head.
  private static final int MOST_THREADS = 512;

  private final TaskGraph graph;
  private final GridScheduler grid;
  private final StepArrays arrays;
  private final DecoderConfig config;
  private final KernelContext context = new KernelContext();
  private final int threads;
  private final int splits;
  private final FloatArray normed;
  private final FloatArray qkv;
  private final FloatArray found;
  private final FloatArray weights;
  private final FloatArray attended;
  private int copies;

  /// @param mostThreads of a work-group, as the device has it
  StepGraph(TaskGraph graph, GridScheduler grid, StepArrays arrays, long mostThreads) {
    this.graph = graph;
    this.grid = grid;
    this.arrays = arrays;
    config = arrays.config;
    threads = threads(config.headDim(), mostThreads);
    splits = Math.min(MOST_SPLITS, Math.ceilDiv(arrays.positions, POSITIONS_OF_GROUP));
    int queries = arrays.tokens * config.queryWidth();
    normed = new FloatArray(arrays.tokens * config.hidden());
    qkv = new FloatArray(queries + 2 * arrays.tokens * config.keyValueWidth());
    attended = new FloatArray(queries);
    found = splits == 1 ? attended : new FloatArray(queries * splits);
    weights = new FloatArray(arrays.tokens * config.heads() * splits * 2);
  }

  /// Work-items for a head: a multiple of its elements, and of [AttentionKernels#UNIT].
  private static int threads(int headDim, long most) {
    int least = headDim;
    while (least % AttentionKernels.UNIT != 0) {
      least += headDim;
    }
    if (Math.max(least, ProjectionKernels.THREADS) > most) {
      throw new DecoderException(
          "heads of %d elements need work-groups of %d, and the device has at most %d",
          headDim, Math.max(least, ProjectionKernels.THREADS), most);
    }
    return Math.max(least, (int) Math.min(most, MOST_THREADS) / least * least);
  }

  /// Tasks that copy MoE layers' outputs.
  int copies() {
    return copies;
  }

  void addLayer(int place, DecoderModel.Layer layer, TornadoMoe moe) {
    project(
        "qkv" + place,
        arrays.x,
        layer.attentionNorm().weight(),
        DeviceMatrix.of(layer.q(), layer.k(), layer.v()),
        qkv,
        arrays.tokens,
        ProjectionKernels.NORMED);
    attend(place, layer.queryNorm(), layer.keyNorm());
    project(
        "o" + place,
        attended,
        new float[1],
        DeviceMatrix.of(layer.o()),
        arrays.x,
        arrays.tokens,
        ProjectionKernels.ADD);
    graph.task(
        "norm" + place,
        ProjectionKernels::norm,
        context,
        arrays.step,
        arrays.x,
        upload(FloatArray.fromArray(layer.moeNorm().weight())),
        normed,
        config.hidden(),
        config.epsilon());
    work("norm" + place, arrays.tokens, ProjectionKernels.THREADS);
    MoeTasks tasks =
        moe.layer(place).input(normed).output(arrays.x).tokens(arrays.step).appendTo(graph, grid);
    copies += (int) tasks.tasks().stream().filter(task -> task.name().contains("copy")).count();
  }

  private void attend(int place, Norm queryNorm, Norm keyNorm) {
    FloatArray keys = new FloatArray(config.keyValueWidth() * arrays.positions);
    FloatArray values = new FloatArray(config.keyValueWidth() * arrays.positions);
    graph.task(
        "attend" + place,
        AttentionKernels::attend,
        context,
        arrays.step,
        qkv,
        upload(FloatArray.fromArray(queryNorm.weight())),
        upload(FloatArray.fromArray(keyNorm.weight())),
        arrays.angles,
        keys,
        values,
        found,
        weights,
        config.heads(),
        config.keyValueHeads(),
        config.headDim(),
        arrays.positions,
        arrays.tokens,
        splits,
        threads,
        config.epsilon());
    work("attend" + place, arrays.tokens * splits * config.heads(), threads);
    if (splits > 1) {
      graph.task(
          "combine" + place,
          AttentionKernels::combine,
          context,
          found,
          weights,
          attended,
          config.heads(),
          config.headDim(),
          splits);
      work("combine" + place, arrays.tokens * config.heads(), config.headDim());
    }
  }

  /// The last token's logits.
  void addHead(DecoderModel model) {
    project(
        "head",
        arrays.x,
        model.norm().weight(),
        DeviceMatrix.of(model.head()),
        arrays.logits,
        1,
        ProjectionKernels.NORMED | ProjectionKernels.LAST_TOKEN);
  }

  private void project(
      String name, FloatArray x, float[] norm, DeviceMatrix w, FloatArray y, int most, int flags) {
    int n = ProjectionKernels.rowsOfGroup(w.rows(), most);
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, w.words(), w.floats());
    graph.task(
        name,
        ProjectionKernels::project,
        context,
        arrays.step,
        x,
        upload(FloatArray.fromArray(norm)),
        w.words(),
        w.floats(),
        y,
        w.rows(),
        w.columns(),
        most,
        n,
        flags | w.flags(),
        config.epsilon());
    work(name, Math.ceilDiv(w.rows(), n), ProjectionKernels.THREADS);
  }

  private FloatArray upload(FloatArray weights) {
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, weights);
    return weights;
  }

  private void work(String task, int groups, int threads) {
    WorkerGrid1D worker = new WorkerGrid1D(Math.multiplyExact(groups, threads));
    worker.setLocalWork(threads, 1, 1);
    grid.addWorkerGrid(graph.getTaskGraphName() + "." + task, worker);
  }
}
