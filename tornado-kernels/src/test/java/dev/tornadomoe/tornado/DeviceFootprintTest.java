package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.HeldMemory;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tornado.replay.DriverMemory;
import java.util.Collections;
import java.util.stream.Stream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// What sessions hold of the device and of the host's native memory beside weights is what the
/// backend has announced, and as much for many layers as for one. `FootprintContract`, which the
/// other backends keep, counts Java objects, too; here those of TornadoVM's graphs are among them.
class DeviceFootprintTest {
  private static final Breadth BREADTH = Breadth.askedOr(Breadth.NARROW);
  private static final int TOKENS = 16;
  private static final Percentage TENTH = Percentage.withPercentage(10);

  /// Wide rows and little of all else: what is held beside weights is rows. What the JVM allocates
  /// on the way, buffers of its channels say, must be little beside them.
  private static final MoeLayer LAYER =
      RandomLayer.of(
          LayerSpec.odd()
              .sized(16384, 32, 2, TopKGating.softmax(2, true))
              .withShared(32, true)
              .with(WeightFormat.int4(DType.BF16, 32, false, false)),
          91);

  private final Backend backend = Backends.require("tornado");

  static Stream<Arguments> sessions() {
    return BREADTH.each(2, 2).stream().map(row -> Arguments.of(row[0] == 0 ? 1 : 4, row[1] == 1));
  }

  @ParameterizedTest
  @MethodSource("sessions")
  void sessionsTakeWhatWasAnnounced(int layers, boolean wholeStep) throws Exception {
    hold(plan(layers, wholeStep, TOKENS), TOKENS);
  }

  /// Many layers, of a full sweep as many as models have, and few tokens, so that not all too much
  /// is compiled.
  @Test
  void layersTakeNothingBesideTheirWeights() throws Exception {
    hold(plan(BREADTH == Breadth.FULL ? 48 : 6, false, 1), 1);
  }

  private void hold(MoePlan plan, int tokens) throws Exception {
    SessionMemory memory = backend.memory(plan);
    boolean wholeStep = plan.options().call().wholeStep();
    assertThat(memory.besideWeights())
        .isEqualTo(backend.memory(plan(1, wholeStep, tokens)).besideWeights());
    long held = DeviceHeld.bytes();
    // A fork beside the session: TornadoVM keeps the arrays of the last plan until the next one.
    try (Session session = backend.prepare(plan)) {
      run(session, tokens);
      assertThat(DeviceHeld.bytes() - held).isCloseTo(memory.total().device(), TENTH);
      long host = hostBytes();
      long device = DeviceHeld.bytes();
      try (Session fork = session.fork()) {
        run(fork, tokens);
        assertThat(hostBytes() - host).isCloseTo(memory.besideWeights().host(), TENTH);
        assertThat(DeviceHeld.bytes() - device - memory.weights().device())
            .isCloseTo(memory.besideWeights().device(), TENTH);
      }
    }
    assertThat(DeviceHeld.bytes()).isEqualTo(held);
  }

  /// With the rows' memory, which the driver gives.
  private static long hostBytes() throws InterruptedException {
    return HeldMemory.bytesOfArenas() + DriverMemory.bytes();
  }

  private static void run(Session session, int tokens) {
    float[] hidden = Rows.random(tokens * LAYER.hidden(), 1);
    float[] output = new float[hidden.length];
    session.run(new MoeCall().hidden(Rows.of(hidden), tokens).output(Rows.of(output)));
  }

  private static MoePlan plan(int layers, boolean wholeStep, int tokens) {
    Planner.Builder planner = Planner.builder().maxTokens(tokens);
    return (wholeStep ? planner.wholeStep(true) : planner)
        .build()
        .plan(Collections.nCopies(layers, LAYER));
  }
}
