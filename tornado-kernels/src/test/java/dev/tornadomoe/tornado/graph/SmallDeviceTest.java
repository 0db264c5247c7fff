package dev.tornadomoe.tornado.graph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tornado.DeviceMemory;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.tuning.DeviceTuning;
import dev.tornadomoe.tornado.tuning.Tunings;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;

/// What is planned for devices that we don't have.
class SmallDeviceTest {
  private static final long LOCAL = 16 << 10;

  /// Experts of whom each has a token or none: but for the router all kernels need little.
  @Test
  void routersOfManyTokensNeedNoMoreLocalMemoryThanThereIs() {
    DeviceLimits device =
        new DeviceLimits("small", 256, LOCAL, 1L << 30, 1L << 32, KernelShape.WORK_GROUPS);
    MoeLayer layer =
        RandomLayer.of(LayerSpec.odd().sized(96, 40, 64, TopKGating.softmax(1, true)), 5);
    MoePlan plan = plan(layer, 33);
    List<Launch> launches =
        Launch.all(
                plan,
                DeviceMemory.load(plan, device, Progress.NONE),
                List.of(List.of(0)),
                new DeviceTuning(device, Tunings.NONE),
                Arena.ofAuto())
            .getFirst();
    assertThat(launches.getLast().taskSizes())
        .allSatisfy(task -> assertThat(task.localBytes()).isLessThanOrEqualTo((int) LOCAL))
        .anySatisfy(task -> assertThat(task.name()).contains("logits"));
  }

  @Test
  void rowsThatNoBufferHoldsAreRefused() {
    DeviceLimits device =
        new DeviceLimits("small", 256, LOCAL, 1 << 20, 1L << 32, KernelShape.WORK_GROUPS);
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 6);
    assertThat(device.mostElements()).isEqualTo(262_140);
    // Rows of 96 columns, three of them for each token.
    DeviceMemory.load(plan(layer, 900), device, Progress.NONE);
    refuses(layer, 1000, device);
    refuses(layer, 30_000_000, device);
  }

  /// Experts can be divided among buffers, projections around them can't.
  @Test
  void projectionsThatNoBufferHoldsAreRefused() {
    DeviceLimits device =
        new DeviceLimits("small", 256, LOCAL, 16 + 4 * 2200, 1L << 32, KernelShape.WORK_GROUPS);
    MoeLayer layer = RandomLayer.of(LayerSpec.odd().withLatent(24), 7);
    assertThatThrownBy(() -> DeviceMemory.load(plan(layer, 1), device, Progress.NONE))
        .isInstanceOf(BackendException.class)
        .hasMessage(
            "layer 3: its latent projection takes 2304 elements in a buffer, the device's largest"
                + " buffer holds 2200");
  }

  private static void refuses(MoeLayer layer, int tokens, DeviceLimits device) {
    assertThatThrownBy(() -> DeviceMemory.load(plan(layer, tokens), device, Progress.NONE))
        .isInstanceOf(BackendException.class)
        .hasMessage(
            "an array for %d tokens at once has more than the 262140 elements that the device's"
                + " largest buffer holds; plan with fewer of them: maxTokens or chunkTokens",
            tokens);
  }

  private static MoePlan plan(MoeLayer layer, int tokens) {
    return Planner.builder().maxTokens(tokens).build().plan(layer);
  }
}
