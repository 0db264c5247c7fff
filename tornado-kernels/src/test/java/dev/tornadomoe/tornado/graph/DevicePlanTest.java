package dev.tornadomoe.tornado.graph;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tornado.DeviceMemory;
import dev.tornadomoe.tornado.TornadoBackend;
import dev.tornadomoe.tornado.device.RowTransfer;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// What the graphs of an execution plan share.
class DevicePlanTest {

  /// Five layers in three graphs, for several ranges of tokens: whichever range ran before, each
  /// works on its own rows and on the same weights, and rows go up once and come back once.
  @Test
  void launchesShareTheWeightsAndTheirGraphsTheRows() {
    try (Checkpoint checkpoint =
        Checkpoint.open(Path.of("../src/test/resources/golden/hf/deepseek_v2"))) {
      MoeModel model = MoeModel.of(checkpoint);
      List<MoeLayer> layers =
          IntStream.range(0, 5)
              .mapToObj(i -> model.layer(model.layerIndices().get(i % 2)))
              .toList();
      int hidden = layers.getFirst().hidden();
      MoePlan plan =
          Planner.builder()
              .maxTokens(20)
              .wholeStep(true)
              .inPlace(true)
              .residual(Residual.IN_OUTPUT)
              .build()
              .plan(layers);
      ChosenDevice device = TornadoBackend.device();
      DeviceWeights weights = DeviceMemory.load(plan, device.limits(), Progress.NONE);
      List<Launch> launches =
          Launch.all(
                  plan, weights, List.of(List.of(0, 1, 2, 3, 4)), device.tuning(), Arena.ofAuto())
              .getFirst();
      List<LaunchGraph> graphs = DevicePlan.graphs(launches, GraphRoom.WHOLE.withLayers(2));
      try (DevicePlan found = DevicePlan.prepare(plan, graphs, device, () -> {});
          Session reference = Backends.require("reference").prepare(plan)) {
        for (int tokens : new int[] {3, 1, 20, 1, 1, 16, 3, 20, 5, 1}) {
          RowTransfer rows = new RowTransfer(DType.F32, hidden, hidden);
          Launch launch = Launch.smallest(launches, tokens);
          FloatArray array = (FloatArray) launch.arrays().caller(CallerRegion.OUTPUT);
          float[] output = Rows.random(tokens * hidden, tokens);
          rows.in(MemorySegment.ofArray(output), 0, tokens, array);
          float[] expected = output.clone();
          reference.run(
              new MoeCall()
                  .hidden(MemorySegment.ofArray(expected), tokens)
                  .output(MemorySegment.ofArray(expected)));

          found.execute(launch, tokens);

          rows.out(array, MemorySegment.ofArray(output), 0, tokens);
          double[] exact =
              IntStream.range(0, expected.length).mapToDouble(i -> expected[i]).toArray();
          Rows.assertClose(output, exact, 1e-4);
        }
        Profile profile = found.profile(launches.getFirst(), 1).orElseThrow();
        // An array has a header of 16 bytes; M is an array of one.
        assertThat(profile.bytesIn()).isEqualTo(16 + 4L * hidden + 16 + 4);
        assertThat(profile.bytesOut()).isEqualTo(16 + 4L * hidden);
      }
    }
  }

  /// With two tasks for a layer it is TornadoVM's nodes that are few, not its bytes.
  @Test
  void layersOfFewTasksAreSplitToo() {
    try (Checkpoint checkpoint =
        Checkpoint.open(Path.of("../src/test/resources/golden/w4a16/qwen3_moe-ct_g32_sym"))) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      MoePlan plan =
          Planner.builder()
              .maxTokens(1)
              .wholeStep(true)
              .callerRoutes(true)
              .build()
              .plan(Collections.nCopies(36, layer));
      MemorySegment ids = MemorySegment.ofArray(IntStream.range(0, layer.topK()).toArray());
      float[] weights = new float[layer.topK()];
      Arrays.fill(weights, 0.25f);
      float[] output = new float[layer.hidden()];
      float[] expected = new float[layer.hidden()];
      MoeCall call =
          new MoeCall()
              .hidden(MemorySegment.ofArray(Rows.random(layer.hidden(), 1)), 1)
              .routing(ids, MemorySegment.ofArray(weights));
      try (Session found = Backends.require("tornado").prepare(plan);
          Session reference = Backends.require("reference").prepare(plan)) {
        reference.run(call.output(MemorySegment.ofArray(expected)));
        found.run(call.output(MemorySegment.ofArray(output)));
      }
      double[] exact = IntStream.range(0, expected.length).mapToDouble(i -> expected[i]).toArray();
      Rows.assertClose(output, exact, 2e-5);
    }
  }
}
