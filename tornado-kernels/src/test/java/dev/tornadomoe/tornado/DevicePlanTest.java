package dev.tornadomoe.tornado;

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
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
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
              .wholeStep()
              .inPlace()
              .residual(Residual.IN_OUTPUT)
              .build()
              .plan(layers);
      ChosenDevice device = TornadoBackend.device();
      DeviceWeights weights = DeviceWeights.load(plan, device.limits(), Progress.NONE);
      List<List<Integer>> groups = List.of(List.of(0, 1), List.of(2, 3), List.of(4));
      try (DevicePlan found = DevicePlan.prepare(plan, weights, groups, device, () -> {});
          Session reference = Backends.require("reference").prepare(plan)) {
        for (int tokens : new int[] {3, 1, 20, 1, 1, 16, 3, 20, 5, 1}) {
          RowTransfer rows = new RowTransfer(DType.F32, hidden, hidden);
          FloatArray array = (FloatArray) found.launch(tokens).arrays().caller("output");
          float[] output = Rows.random(tokens * hidden, tokens);
          rows.in(MemorySegment.ofArray(output), 0, tokens, array);
          float[] expected = output.clone();
          reference.run(
              new MoeCall()
                  .hidden(MemorySegment.ofArray(expected), tokens)
                  .output(MemorySegment.ofArray(expected)));

          found.execute(tokens);

          rows.out(array, MemorySegment.ofArray(output), 0, tokens);
          double[] exact =
              IntStream.range(0, expected.length).mapToDouble(i -> expected[i]).toArray();
          Rows.assertClose(output, exact, 1e-4);
        }
        Profile profile = found.profile(1);
        // An array has a header of 16 bytes; M is an array of one.
        assertThat(profile.bytesIn()).isEqualTo(16 + 4L * hidden + 16 + 4);
        assertThat(profile.bytesOut()).isEqualTo(16 + 4L * hidden);
      }
    }
  }
}
