package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.examples.decoder.Decoder;
import dev.tornadomoe.examples.decoder.DecoderModel;
import dev.tornadomoe.examples.decoder.DecoderOptions;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tornado.TornadoMoe;
import dev.tornadomoe.tornado.replay.GraphReplay;
import dev.tornadomoe.tornado.replay.LaunchTime;
import dev.tornadomoe.tornado.replay.PinnedMemory;
import dev.tornadomoe.tornado.replay.ReplayMode;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.runtime.TornadoRuntimeProvider;

/// A model on the device that TornadoVM finds: a step is one execution plan, and is replayed. Only
/// embeddings go up and logits come back.
final class TornadoDecoder extends Decoder {
  /// Up to so many tokens the library's kernels are those for a decode step.
  private static final int MOST_TOKENS = 4;

  private final PinnedMemory pinned;
  private final TornadoMoe moe;
  private final StepGraphs graphs;
  private final TornadoExecutionPlan plan;
  private final GraphReplay replay;
  private final boolean replays = ReplayMode.chosen() != ReplayMode.OFF;
  private final int count;
  private final int copiesOfStep;
  private final float[] embedding;
  private long copies;

  TornadoDecoder(DecoderModel model, DecoderOptions options, Progress progress) {
    super(model, options.positions(), Math.min(options.chunk(), MOST_TOKENS));
    embedding = new float[model.config().hidden()];
    TornadoDevice device = TornadoRuntimeProvider.getTornadoRuntime().getDefaultDevice();
    MoePlan moePlan = options.plan(model, chunk);
    copiesOfStep = moePlan.bucket(chunk).copies();
    moe = TornadoMoe.of(moePlan, progress);
    pinned = new PinnedMemory(device, ReplayMode.chosen());
    long mostThreads = device.getPhysicalDevice().getDeviceMaxWorkGroupSize()[0];
    graphs = new StepGraphs(model, chunk, options.positions(), moe, pinned, mostThreads);
    List<ImmutableTaskGraph> built = graphs.build();
    count = built.size();
    plan = new TornadoExecutionPlan(built.toArray(ImmutableTaskGraph[]::new));
    plan.withGridScheduler(graphs.grid);
    execute(); // compiles and uploads; with no tokens nothing is computed
    replay = GraphReplay.of(plan);
  }

  private void execute() {
    for (int i = 0; i < count; i++) {
      plan.withGraph(i).execute();
    }
  }

  @Override
  protected float[] run(int first, int[] ids, @Nullable Map<String, Long> nanos) {
    int hidden = embedding.length;
    for (int t = 0; t < ids.length; t++) {
      model.embedding().decodeRow(ids[t], embedding);
      for (int i = 0; i < hidden; i++) {
        graphs.x.set(t * hidden + i, embedding[i]);
      }
    }
    graphs.step.set(0, ids.length);
    graphs.step.set(1, first);
    if (nanos != null) { // the kernels of all layers together, as the driver measures them
      for (LaunchTime time : replay.profile()) {
        String kernel = time.task().substring(time.task().indexOf('.') + 1);
        nanos.merge(kernel.replaceAll("\\d", ""), time.nanos(), Long::sum);
      }
    } else if (replays) {
      replay.run();
    } else {
      execute();
    }
    copies += copiesOfStep;
    return graphs.logits.getSegment().toArray(ValueLayout.JAVA_FLOAT);
  }

  @Override
  public long copies() {
    return copies;
  }

  @Override
  public void close() {
    replay.close();
    plan.freeDeviceMemory();
    moe.close();
    pinned.close();
  }
}
