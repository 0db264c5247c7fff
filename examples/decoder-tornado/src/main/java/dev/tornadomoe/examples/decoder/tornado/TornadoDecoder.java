package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.examples.decoder.Decoder;
import dev.tornadomoe.examples.decoder.DecoderException;
import dev.tornadomoe.examples.decoder.DecoderModel;
import dev.tornadomoe.examples.decoder.DecoderOptions;
import dev.tornadomoe.examples.decoder.Rotation;
import dev.tornadomoe.examples.decoder.Sequence;
import dev.tornadomoe.tornado.TornadoMoe;
import dev.tornadomoe.tornado.replay.GraphReplay;
import dev.tornadomoe.tornado.replay.LaunchTime;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;

/// A model on a device: a step is an execution plan of a few graphs, which hand the residual stream
/// on, and is replayed. Only embeddings go up and logits come back.
final class TornadoDecoder implements Decoder {
  /// What one graph of TornadoVM has room for, with the library's tasks.
  private static final int LAYERS_OF_GRAPH = 4;

  /// Up to so many tokens the library's kernels are those for a decode step.
  private static final int MOST_TOKENS = 4;

  private static final String REPLAYED = "replayed";
  private static final String EXECUTED = "task by task";

  private final DecoderModel model;
  private final int chunk;
  private final Sequence sequence;
  private final Rotation rotation;
  private final StepArrays arrays;
  private final TornadoMoe moe;
  private final TornadoExecutionPlan plan;
  private final int graphs;
  private final int copiesOfStep;
  private final GraphReplay replay;
  private final float[] logits;
  private boolean replays = true;
  private long copies;

  TornadoDecoder(DecoderModel model, DecoderOptions options, Progress progress) {
    this.model = model;
    chunk = Math.min(options.chunk(), MOST_TOKENS);
    sequence = new Sequence(options.positions(), model.config().vocabulary());
    rotation = new Rotation(model.config(), options.positions());
    arrays = new StepArrays(model.config(), chunk);
    logits = new float[model.config().vocabulary()];
    moe = TornadoMoe.of(options.plan(model, chunk), progress);
    GridScheduler grid = new GridScheduler();
    List<ImmutableTaskGraph> built = new ArrayList<>();
    int found = 0;
    for (int first = 0; first < model.layers().size(); first += LAYERS_OF_GRAPH) {
      int end = Math.min(model.layers().size(), first + LAYERS_OF_GRAPH);
      TaskGraph graph = new TaskGraph(name(first));
      if (first == 0) {
        graph.transferToDevice(
            DataTransferMode.EVERY_EXECUTION, arrays.x, arrays.angles, arrays.step);
      } else {
        graph.consumeFromDevice(
            name(first - LAYERS_OF_GRAPH), arrays.x, arrays.angles, arrays.step);
      }
      StepGraph step =
          new StepGraph(graph, grid, model.config(), arrays, chunk, options.positions());
      for (int place = first; place < end; place++) {
        step.addLayer(place, model.layers().get(place), moe);
      }
      if (end == model.layers().size()) {
        step.addHead(model);
        graph.transferToHost(DataTransferMode.EVERY_EXECUTION, arrays.logits);
      } else {
        graph.persistOnDevice(arrays.x, arrays.angles, arrays.step);
      }
      found += step.copies();
      built.add(graph.snapshot());
    }
    copiesOfStep = found;
    graphs = built.size();
    plan = new TornadoExecutionPlan(built.toArray(ImmutableTaskGraph[]::new));
    plan.withGridScheduler(grid);
    for (int i = 0; i < graphs; i++) { // compiles and uploads; with no tokens nothing is computed
      progress.compiled(i, graphs);
      plan.withGraph(i).execute();
    }
    progress.compiled(graphs, graphs);
    replay = GraphReplay.of(plan);
  }

  private static String name(int firstLayer) {
    return "layers" + firstLayer;
  }

  @Override
  public float[] advance(int... ids) throws InterruptedException {
    sequence.grow(chunk, this::run, ids);
    for (int i = 0; i < logits.length; i++) {
      logits[i] = arrays.logits.get(i);
    }
    return logits;
  }

  private void run(int... ids) {
    give(ids);
    if (replays) {
      replay.run();
    } else {
      for (int i = 0; i < graphs; i++) {
        plan.withGraph(i).execute();
      }
    }
    copies += copiesOfStep;
  }

  private void give(int... ids) {
    int hidden = model.config().hidden();
    int headDim = model.config().headDim();
    float[] row = new float[hidden];
    for (int t = 0; t < ids.length; t++) {
      model.embedding().row(ids[t], row, 0);
      for (int i = 0; i < hidden; i++) {
        arrays.x.set(t * hidden + i, row[i]);
      }
      int angles = (sequence.length() + t) * headDim;
      for (int i = 0; i < headDim; i++) {
        arrays.angles.set(t * headDim + i, rotation.table()[angles + i]);
      }
    }
    arrays.step.set(0, ids.length);
    arrays.step.set(1, sequence.length());
  }

  @Override
  public Sequence sequence() {
    return sequence;
  }

  @Override
  public List<String> launches() {
    return List.of(REPLAYED, EXECUTED);
  }

  @Override
  public void launchBy(String way) {
    if (!launches().contains(way)) {
      throw new DecoderException("there is no way to launch \"%s\"", way);
    }
    replays = way.equals(REPLAYED);
  }

  @Override
  public long copies() {
    return copies;
  }

  /// Of the kernels' time, as the driver measures it.
  @Override
  public double moeShare(int id) throws InterruptedException {
    long[] nanos = new long[2];
    sequence.grow(
        1,
        ids -> {
          give(ids);
          for (LaunchTime time : replay.profile()) {
            nanos[0] += time.nanos();
            nanos[1] +=
                time.task().contains(".moe") && !time.task().contains(".moeNorm")
                    ? time.nanos()
                    : 0;
          }
          copies += copiesOfStep;
        },
        id);
    return (double) nanos[1] / nanos[0];
  }

  @Override
  public void close() {
    replay.close();
    plan.freeDeviceMemory();
    moe.close();
  }
}
