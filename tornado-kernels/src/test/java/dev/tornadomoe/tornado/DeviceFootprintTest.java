package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.HeldMemory;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.SessionMemory.Bytes;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.util.Collections;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A session's arrays take what the backend has announced. Each is there on the device and on the
/// host, where it can be counted. The contract of the other backends, `FootprintContract`, says
/// besides that it does not grow with the layers; here only that of a session for whole steps
/// doesn't.
class DeviceFootprintTest {
  private static final int TOKENS = 16;

  /// Wide rows and little of all else: what is held beside weights is rows.
  private static final MoeLayer LAYER =
      RandomLayer.of(
          LayerSpec.odd()
              .sized(2048, 64, 8, TopKGating.softmax(8, true))
              .withShared(64, true)
              .with(WeightFormat.int4(DType.BF16, 32, false, false)),
          91);

  private final Backend backend = Backends.require("tornado");

  @ParameterizedTest
  @CsvSource({"1, false", "4, false", "1, true", "4, true"})
  void sessionsTakeWhatWasAnnounced(int layers, boolean wholeStep) throws Exception {
    Bytes announced = announced(layers, wholeStep);
    assertThat(announced.device()).isEqualTo(announced.host());
    assertThat(announced(1, wholeStep).host() * (wholeStep ? 1 : layers))
        .isCloseTo(announced.host(), Percentage.withPercentage(1));
    // A fork beside the session: TornadoVM keeps the arrays of the last plan until the next one.
    try (Session session = backend.prepare(plan(layers, wholeStep))) {
      run(session);
      long before = HeldMemory.bytesOfArenas();
      try (Session fork = session.fork()) {
        run(fork);
        assertThat(HeldMemory.bytesOfArenas() - before)
            .isCloseTo(announced.host(), Percentage.withPercentage(10));
      }
    }
  }

  private static void run(Session session) {
    float[] hidden = Rows.random(TOKENS * LAYER.hidden(), 1);
    float[] output = new float[hidden.length];
    session.run(new MoeCall().hidden(Rows.of(hidden), TOKENS).output(Rows.of(output)));
  }

  private Bytes announced(int layers, boolean wholeStep) {
    return backend.memory(plan(layers, wholeStep)).besideWeights();
  }

  private static MoePlan plan(int layers, boolean wholeStep) {
    Planner.Builder planner = Planner.builder().maxTokens(TOKENS);
    return (wholeStep ? planner.wholeStep() : planner)
        .build()
        .plan(Collections.nCopies(layers, LAYER));
  }
}
