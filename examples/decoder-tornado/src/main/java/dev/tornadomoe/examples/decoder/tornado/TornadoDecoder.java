package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.examples.decoder.Decoder;
import dev.tornadomoe.examples.decoder.DecoderException;
import dev.tornadomoe.examples.decoder.DecoderModel;
import dev.tornadomoe.examples.decoder.DecoderOptions;
import dev.tornadomoe.examples.decoder.Sequence;
import dev.tornadomoe.tornado.TornadoMoe;
import dev.tornadomoe.tornado.replay.GraphReplay;
import dev.tornadomoe.tornado.replay.LaunchTime;
import dev.tornadomoe.tornado.replay.PinnedMemory;
import dev.tornadomoe.tornado.replay.ReplayMode;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.runtime.TornadoRuntimeProvider;

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
  private final PinnedMemory pinned;
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
    TornadoDevice device = TornadoRuntimeProvider.getTornadoRuntime().getDefaultDevice();
    pinned = new PinnedMemory(device, ReplayMode.chosen());
    arrays = new StepArrays(model.config(), chunk, options.positions(), pinned);
    logits = new float[model.config().vocabulary()];
    moe = TornadoMoe.of(options.plan(model, chunk), progress);
    GridScheduler grid = new GridScheduler();
    List<ImmutableTaskGraph> built = new ArrayList<>();
    int found = 0;
    for (int first = 0; first < model.layers().size(); first += LAYERS_OF_GRAPH) {
      int end = Math.min(model.layers().size(), first + LAYERS_OF_GRAPH);
      TaskGraph graph = new TaskGraph(name(first));
      if (first == 0) {
        graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, arrays.x, arrays.step);
        graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, arrays.angles);
      } else {
        graph.consumeFromDevice(
            name(first - LAYERS_OF_GRAPH), arrays.x, arrays.step, arrays.angles);
      }
      StepGraph step =
          new StepGraph(
              graph, grid, arrays, device.getPhysicalDevice().getDeviceMaxWorkGroupSize()[0]);
      for (int place = first; place < end; place++) {
        step.addLayer(place, model.layers().get(place), moe);
      }
      if (end == model.layers().size()) {
        step.addHead(model);
        graph.transferToHost(DataTransferMode.EVERY_EXECUTION, arrays.logits);
      } else {
        graph.persistOnDevice(arrays.x, arrays.step, arrays.angles);
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
    MemorySegment.ofArray(logits).copyFrom(arrays.logits.getSegment());
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
    float[] row = new float[hidden];
    for (int t = 0; t < ids.length; t++) {
      model.embedding().row(ids[t], row, 0);
      for (int i = 0; i < hidden; i++) {
        arrays.x.set(t * hidden + i, row[i]);
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

  /// The kernels of all layers together, as the driver measures them.
  @Override
  public Map<String, Long> profile(int id) throws InterruptedException {
    Map<String, Long> parts = new TreeMap<>();
    sequence.grow(
        1,
        ids -> {
          give(ids);
          for (LaunchTime time : replay.profile()) {
            String kernel = time.task().substring(time.task().indexOf('.') + 1);
            parts.merge(kernel.replaceAll("\\d", ""), time.nanos(), Long::sum);
          }
          copies += copiesOfStep;
        },
        id);
    return parts;
  }

  @Override
  public void close() {
    replay.close();
    plan.freeDeviceMemory();
    moe.close();
    pinned.close();
  }
}
