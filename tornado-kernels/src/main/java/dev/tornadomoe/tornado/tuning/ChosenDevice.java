package dev.tornadomoe.tornado.tuning;

import dev.tornadomoe.tornado.device.DeviceLimits;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// A device, its limits and how kernels are cut on it.
public record ChosenDevice(TornadoDevice device, DeviceTuning tuning) {

  public DeviceLimits limits() {
    return tuning.limits();
  }
}
