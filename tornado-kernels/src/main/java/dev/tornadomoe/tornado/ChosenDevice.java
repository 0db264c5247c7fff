package dev.tornadomoe.tornado;

import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// A device, its limits and how kernels are cut on it.
record ChosenDevice(TornadoDevice device, DeviceTuning tuning) {

  DeviceLimits limits() {
    return tuning.limits();
  }
}
