package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.cpu.CpuBackend;
import dev.tornadomoe.backend.host.Chunk;
import dev.tornadomoe.backend.host.Execution;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.backend.host.LoadedWeights;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.offload.DevicePlacement;
import dev.tornadomoe.offload.Offload;
import dev.tornadomoe.offload.PrefillStreaming;
import dev.tornadomoe.offload.RouteStatistics;
import dev.tornadomoe.parallel.ExpertParallelism;
import dev.tornadomoe.parallel.ThreadRanks;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// A device that fails while it has some of the experts. Another backend plays it: a real one fails
/// when it likes.
class OffloadTroubleTest {
  private final TornadoBackend tornado = new TornadoBackend();
  private final PlayedDevice device = new PlayedDevice();
  private final MoeLayer layer = RandomLayer.of(LayerSpec.odd().withShared(24, true), 5);

  private static final class PlayedDevice implements LoadedWeights {
    private boolean lost;
    private boolean refusesWeights;
    private final List<String> order = Collections.synchronizedList(new ArrayList<>());
    private boolean hostIsFull;
    private int sessions;

    @Override
    public WeightMemory weightMemory() {
      return new WeightMemory(List.of());
    }

    @Override
    public Execution prepare(MoePlan plan) {
      Session plays = Backends.require("reference").prepare(plan);
      sessions++;
      return new Execution() {
        @Override
        public void run(Chunk chunk) {
          if (lost) {
            throw new BackendException("clFinish failed: CL_OUT_OF_RESOURCES (-5)");
          }
          MoeCall call = chunk.call();
          order.add("run " + call.layer());
          // The call's own output belongs to the session that this is the inside of.
          MemorySegment output = required(call, CallerRegion.OUTPUT);
          float[] rows = new float[(int) (output.byteSize() / Float.BYTES)];
          plays.run(
              new MoeCall()
                  .layer(call.layer())
                  .hidden(required(call, CallerRegion.HIDDEN), call.tokens())
                  .output(MemorySegment.ofArray(rows))
                  .routing(
                      required(call, CallerRegion.TOPK_IDS),
                      required(call, CallerRegion.TOPK_WEIGHTS)));
          output.copyFrom(MemorySegment.ofArray(rows));
          order.add("done " + call.layer());
        }

        @Override
        public void bringUp(int layerIndex, int tokens) {
          if (refusesWeights) {
            throw new BackendException("clEnqueueWriteBuffer failed: CL_OUT_OF_RESOURCES (-5)");
          }
          order.add("up " + layerIndex);
        }

        @Override
        public Optional<Profile> profile(Chunk chunk) {
          return Optional.empty();
        }

        @Override
        public Optional<MemorySegment> rowMemory(long bytes) {
          if (hostIsFull) {
            throw new OutOfMemoryError("no room for rows");
          }
          return Optional.empty();
        }

        @Override
        public void close() {
          plays.close();
          sessions--;
        }
      };
    }

    private static MemorySegment required(MoeCall call, CallerRegion region) {
      return Objects.requireNonNull(call.memory(region));
    }

    @Override
    public void close() {
      // sessions are counted
    }
  }

  private Session offloaded() {
    return session(offload(3));
  }

  private Offload offload(int onDevice) {
    List<MoeLayer> layers = List.of(layer);
    return Offload.of(
        layers,
        DevicePlacement.mostChosen(layers, RouteStatistics.EVEN, onDevice),
        RouteStatistics.EVEN);
  }

  private Session session(Offload offload) {
    MoePlan plan = offload.plan(Planner.builder().maxTokens(4));
    return GuardedSession.open(
        tornado,
        plan,
        () ->
            new OffloadArithmetic(
                tornado,
                CpuBackend.besideDevice(plan, Progress.NONE),
                TornadoBackend.device(),
                device,
                OffloadLayers.of(plan),
                Arena.ofShared()));
  }

  @Test
  void aDeviceThatIsLostEndsTheCallAndNotTheSession() {
    float[] input = Rows.random(4 * layer.hidden(), 6);
    try (Session session = offloaded()) {
      float[] before = run(session, input);
      device.lost = true;
      assertThatThrownBy(() -> run(session, input))
          .isInstanceOf(BackendException.class)
          .hasMessage(
              "layer %d: the experts on the device failed: clFinish failed: CL_OUT_OF_RESOURCES"
                  + " (-5); the call's output is not complete: call again, or prepare the whole"
                  + " layers for the CPU where the device is lost",
              layer.index());
      device.lost = false;
      assertThat(run(session, input)).isEqualTo(before);
    }
    assertThat(device.sessions).isZero();
  }

  @Test
  void weightsThatDoNotComeUpEndTheCallAndNotTheSession() {
    float[] input = Rows.random(4 * layer.hidden(), 6);
    try (Session session = session(offload(3).prefill(PrefillStreaming.from(2)))) {
      float[] before = run(session, input);
      device.refusesWeights = true;
      assertThatThrownBy(() -> run(session, input))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining(
              ": the experts on the device failed: clEnqueueWriteBuffer failed:"
                  + " CL_OUT_OF_RESOURCES (-5); the call's output is not complete: ");
      device.refusesWeights = false;
      assertThat(run(session, input)).isEqualTo(before);
    }
    assertThat(device.sessions).isZero();
  }

  /// Through a window of two experts, which has room for one in each half.
  @Test
  void weightsComeUpBeforeTheyAreComputedWithAndNotWhileTheirHalfIsInUse() {
    long expert = layer.experts().local().getFirst().bytes();
    try (Session session =
        session(offload(1).prefill(PrefillStreaming.from(2).within(2 * expert)))) {
      run(session, Rows.random(4 * layer.hidden(), 6));
    }
    List<String> order = device.order;
    int pieces = layer.experts().local().size() - 1;
    assertThat(pieces).isGreaterThan(2);
    for (int place = 1; place <= pieces; place++) {
      assertThat(order).contains("up " + place, "done " + place);
      assertThat(order.indexOf("run " + place)).isGreaterThan(order.indexOf("up " + place));
      if (place > 2) {
        assertThat(order.indexOf("up " + place))
            .isGreaterThan(order.indexOf("done " + (place - 2)));
      }
    }
  }

  @Test
  void aSessionThatComesToNothingLeavesNothingOnTheDevice() {
    device.hostIsFull = true;
    assertThatThrownBy(this::offloaded)
        .isInstanceOf(OutOfMemoryError.class)
        .hasMessage("no room for rows");
    assertThat(device.sessions).isZero();
  }

  @Test
  void aRanksSessionThatComesToNothingLeavesNothingOnTheDevice() {
    device.hostIsFull = true;
    ThreadRanks.run(
        1,
        rank -> {
          ExpertParallelism job = ExpertParallelism.over(rank).build();
          MoePlan plan =
              Planner.builder()
                  .maxTokens(4)
                  .modularMoe(job::modularMoe)
                  .build()
                  .plan(job.part(layer));
          assertThatThrownBy(() ->
                  GuardedSession.open(
                      tornado,
                      plan,
                      () ->
                          new ExpertsOnDevice(
                              tornado,
                              CpuBackend.aroundExperts(plan, Progress.NONE),
                              TornadoBackend.device(),
                              device,
                              false)))
              .isInstanceOf(OutOfMemoryError.class)
              .hasMessage("no room for rows");
          return true;
        });
    assertThat(device.sessions).isZero();
  }

  private static float[] run(Session session, float[] hidden) {
    float[] output = new float[hidden.length];
    session.run(Rows.of(hidden), 4, Rows.of(output));
    return output;
  }
}
