package dev.tornadomoe.tornado;

import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// A device and its limits.
record ChosenDevice(TornadoDevice device, DeviceLimits limits) {}
