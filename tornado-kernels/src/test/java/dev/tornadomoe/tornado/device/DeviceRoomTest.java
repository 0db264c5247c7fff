package dev.tornadomoe.tornado.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/// What sessions of a process hold of a device together.
class DeviceRoomTest {
  private static final DeviceLimits DEVICE =
      new DeviceLimits("roomy", 64, 1024, 1 << 20, 1000, KernelShape.WORK_ITEMS);

  @Test
  void whatOthersHoldIsNotThereUntilTheyGiveItBack() {
    DeviceRoom first = DeviceRoom.take("the first", 600, DEVICE);
    assertThatThrownBy(() -> DeviceRoom.take("the second", 600, DEVICE))
        .hasMessage(
            "the second needs 600 B on device roomy, which has 1000 B; other sessions hold 600 B");
    first.close();
    DeviceRoom.take("the second", 600, DEVICE).close();
  }

  @Test
  void readsTheLimitAsTornadoVmDoes() {
    assertThat(DeviceRoom.limit("4GB")).isEqualTo(4L << 30);
    assertThat(DeviceRoom.limit("300MB")).isEqualTo(300L << 20);
    assertThat(DeviceRoom.limit(null)).isEqualTo(Long.MAX_VALUE);
  }
}
