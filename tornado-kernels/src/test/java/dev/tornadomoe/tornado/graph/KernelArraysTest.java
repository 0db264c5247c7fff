package dev.tornadomoe.tornado.graph;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tornado.TornadoDevices;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// How many arrays the tasks of a plain layer take: its router has neither bias nor gate, its
/// experts are all here and have 4-bit integers. What it costs the host to enqueue a task grows
/// with them (H200: 4.5 us with 3, 9 with 20), and for one token a step can't be faster.
class KernelArraysTest {

  @BeforeEach
  void takeKernelsOfGpus() {
    System.setProperty(TornadoDevices.KERNELS_PROPERTY, "work-groups");
  }

  @AfterEach
  void reset() {
    System.clearProperty(TornadoDevices.KERNELS_PROPERTY);
  }

  /// M, hidden states, weights, logits; M, logits, constants, ids, weights; M, ids, hidden states,
  /// words, scales, activations; M, ids, weights, activations, words, scales, output.
  @Test
  void noTaskOfOneTokenTakesAnArrayThatItDoesNotUse() {
    try (Checkpoint checkpoint =
        Checkpoint.open(Path.of("../src/test/resources/golden/w4a16/qwen3_moe-ct_g32_sym"))) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      MoePlan plan = Planner.builder().maxTokens(1).build().plan(layer);
      assertThat(TaskArrays.of(plan))
          .containsExactly(
              Map.entry("logits", 4),
              Map.entry("select", 5),
              Map.entry("gateUp", 6),
              Map.entry("down", 7));
    }
  }
}
