package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.examples.decoder.DecoderConfig;
import dev.tornadomoe.examples.decoder.DecoderModel;
import dev.tornadomoe.tornado.MoeTasks;
import dev.tornadomoe.tornado.TornadoMoe;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// A graph with some layers of a step: for each one norm, attention, residual, norm, and the
/// library's tasks, which add to the residual stream themselves.
final class StepGraph {
  private static final int NORM_THREADS = 64;

  private final TaskGraph graph;
  private final GridScheduler grid;
  private final DecoderConfig config;
  private final StepArrays arrays;
  private final int tokens;
  private final int positions;
  private final KernelContext context = new KernelContext();
  private final FloatArray normed;
  private final FloatArray qkv;
  private final FloatArray queries;
  private final FloatArray attended;
  private int copies;

  /// @param tokens the most of a step
  /// @param positions of the longest sequence
  StepGraph(
      TaskGraph graph,
      GridScheduler grid,
      DecoderConfig config,
      StepArrays arrays,
      int tokens,
      int positions) {
    this.graph = graph;
    this.grid = grid;
    this.config = config;
    this.arrays = arrays;
    this.tokens = tokens;
    this.positions = positions;
    normed = new FloatArray(tokens * config.hidden());
    qkv = new FloatArray(tokens * (config.queryWidth() + 2 * config.keyValueWidth()));
    queries = new FloatArray(tokens * config.queryWidth());
    attended = new FloatArray(tokens * config.queryWidth());
  }

  /// Tasks that copy MoE layers' outputs.
  int copies() {
    return copies;
  }

  void addLayer(int place, DecoderModel.Layer layer, TornadoMoe moe) {
    FloatArray keys = new FloatArray(config.keyValueWidth() * positions);
    FloatArray values = new FloatArray(config.keyValueWidth() * positions);
    norm("attentionNorm" + place, upload(DeviceMatrices.of(layer.attentionNorm())), tokens, 0);
    FloatArray projections = upload(DeviceMatrices.of(layer.q(), layer.k(), layer.v()));
    int width = config.queryWidth() + 2 * config.keyValueWidth();
    project("qkv" + place, normed, projections, qkv, width, config.hidden(), 0);
    FloatArray norms = upload(DeviceMatrices.of(layer.queryNorm(), layer.keyNorm()));
    int half = config.headDim() / 2;
    graph.task(
        "rotate" + place,
        DecoderKernels::rotateHead,
        context,
        arrays.step,
        arrays.angles,
        qkv,
        norms,
        queries,
        keys,
        values,
        config.heads(),
        config.keyValueHeads(),
        half,
        positions,
        config.epsilon());
    work("rotate" + place, tokens * (config.heads() + config.keyValueHeads()), half);
    graph.task(
        "attend" + place,
        DecoderKernels::attend,
        context,
        arrays.step,
        queries,
        keys,
        values,
        attended,
        config.heads(),
        config.keyValueHeads(),
        config.headDim(),
        positions,
        (float) (1 / Math.sqrt(config.headDim())));
    work("attend" + place, tokens * config.heads(), config.headDim());
    FloatArray o = upload(DeviceMatrices.of(layer.o()));
    project("o" + place, attended, o, arrays.x, config.hidden(), config.queryWidth(), 1);
    norm("moeNorm" + place, upload(DeviceMatrices.of(layer.moeNorm())), tokens, 0);
    MoeTasks tasks =
        moe.layer(place).input(normed).output(arrays.x).tokens(arrays.step).appendTo(graph, grid);
    copies += (int) tasks.tasks().stream().filter(task -> task.name().contains("copy")).count();
  }

  /// The last token's logits.
  void addHead(DecoderModel model) {
    norm("norm", upload(DeviceMatrices.of(model.norm())), 1, 1);
    FloatArray head = upload(DeviceMatrices.of(model.head()));
    graph.task(
        "head",
        DecoderKernels::project,
        context,
        arrays.step,
        normed,
        head,
        arrays.logits,
        config.vocabulary(),
        config.hidden(),
        0,
        1);
    rows("head", config.vocabulary());
  }

  private void norm(String name, FloatArray weight, int groups, int last) {
    graph.task(
        name,
        DecoderKernels::norm,
        context,
        arrays.step,
        arrays.x,
        weight,
        normed,
        config.hidden(),
        config.epsilon(),
        last,
        NORM_THREADS);
    work(name, groups, NORM_THREADS);
  }

  private void project(
      String name, FloatArray x, FloatArray w, FloatArray y, int rows, int columns, int add) {
    graph.task(
        name, DecoderKernels::project, context, arrays.step, x, w, y, rows, columns, add, tokens);
    rows(name, rows);
  }

  private void rows(String name, int rows) {
    int threads = DecoderKernels.ROWS * DecoderKernels.LANES;
    work(name, Math.ceilDiv(rows, DecoderKernels.ROWS), threads);
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
