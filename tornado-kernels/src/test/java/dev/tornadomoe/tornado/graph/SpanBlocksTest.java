package dev.tornadomoe.tornado.graph;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.modular.HybridExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tornado.TornadoDevices;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Few tokens whose pairs are sorted by one work-group and read weights by spans in blocks, beside
/// the reference: experts with none, one, two and three pairs, rows that fill no group, groups
/// within a span, a shared expert among the experts, and biases.
class SpanBlocksTest {
  private static final int TOKENS = 7;

  @BeforeEach
  void takeKernelsOfGpus() {
    System.setProperty(TornadoDevices.KERNELS_PROPERTY, "work-groups");
  }

  @AfterEach
  void reset() {
    System.clearProperty(TornadoDevices.KERNELS_PROPERTY);
  }

  static Stream<LayerSpec> layers() {
    LayerSpec sized = LayerSpec.odd().sized(160, 96, 11, TopKGating.softmax(2, true));
    return Stream.of(
        sized.with(WeightFormat.int4(DType.BF16, 32, false, false)).withShared(96, true),
        sized.with(WeightFormat.int4(DType.F16, 16, true, false)).withBiases(),
        sized.with(new WeightFormat(Coding.INT8, DType.F32, 1, 32, true, false)),
        sized.with(WeightFormat.scaled(Coding.MXFP4, DType.F8_E8M0, 1, 32)));
  }

  @ParameterizedTest
  @MethodSource("layers")
  void computesWhatTheReferenceComputes(LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 5);
    MoePlan plan =
        Planner.builder()
            .maxTokens(TOKENS)
            .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), new HybridExperts(1)))
            .build()
            .plan(layer);
    // Other kernels of blocks take one array more.
    assertThat(TaskArrays.of(plan)).containsEntry("groupedGateUp", 8);
    int hidden = layer.hidden();
    try (Session found = Backends.require("tornado").prepare(plan);
        Session reference = Backends.require("reference").prepare(plan)) {
      for (int tokens : new int[] {1, 2, TOKENS}) {
        float[] output = new float[tokens * hidden];
        float[] expected = new float[tokens * hidden];
        MoeCall call =
            new MoeCall().hidden(MemorySegment.ofArray(Rows.random(tokens * hidden, 3)), tokens);
        reference.run(call.output(MemorySegment.ofArray(expected)));

        found.run(call.output(MemorySegment.ofArray(output)));

        Rows.assertClose(
            output,
            IntStream.range(0, output.length).mapToDouble(i -> expected[i]).toArray(),
            2e-5);
      }
    }
  }
}
