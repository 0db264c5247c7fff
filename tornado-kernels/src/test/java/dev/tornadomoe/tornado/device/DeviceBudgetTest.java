package dev.tornadomoe.tornado.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/// What sessions of a process hold of a device together.
class DeviceBudgetTest {
  private static final DeviceLimits DEVICE =
      new DeviceLimits("roomy", 64, 1024, 1 << 20, 1000, KernelShape.WORK_ITEMS);

  @Test
  void whatOthersHoldIsNotThereUntilTheyGiveItBack() {
    DeviceBudget first = DeviceBudget.take("the first", 600, DEVICE);
    assertThatThrownBy(() -> DeviceBudget.take("the second", 600, DEVICE))
        .hasMessage(
            "the second needs 600 B on device roomy, which has 1000 B; other sessions hold 600 B");
    first.close();
    DeviceBudget.take("the second", 600, DEVICE).close();
  }

  @Test
  void readsTheLimitAsTornadoVmDoes() {
    assertThat(DeviceBudget.limit("4GB")).isEqualTo(4L << 30);
    assertThat(DeviceBudget.limit("300MB")).isEqualTo(300L << 20);
    assertThat(DeviceBudget.limit(null)).isEqualTo(Long.MAX_VALUE);
  }
}
