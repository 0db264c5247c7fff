package dev.tornadomoe.tornado.weights;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import org.junit.jupiter.api.Test;

/// What arrays take on a device that gives large ones whole pages.
class DevicePagesTest {
  private static final DeviceLimits DEVICE =
      new DeviceLimits("chip", 256, 48 << 10, 1L << 30, 1L << 32, KernelShape.WORK_GROUPS);

  private final MoeLayer layer =
      RandomLayer.of(LayerSpec.odd().with(WeightFormat.int4(DType.BF16, 32, true, false)), 3);

  private final LayerStorage storage = LayerStorage.of(layer, DEVICE);

  @Test
  void largeArraysFillTheirPages() {
    long page = 64;
    long unused = storage.unusedOfPages(layer, page);
    assertThat(unused).isBetween(0L, 8 * page);
    assertThat((storage.bytes(layer) + unused) % page).isZero();
  }

  @Test
  void smallArraysShareThem() {
    assertThat(storage.unusedOfPages(layer, 1L << 30)).isZero();
  }
}
