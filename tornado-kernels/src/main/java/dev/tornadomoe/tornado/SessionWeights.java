package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.host.Execution;
import dev.tornadomoe.backend.host.LoadedWeights;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.plan.MoePlan;

/// The weights of device sessions. Each session has a copy of them on the device, since TornadoVM
/// shares nothing between execution plans.
final class SessionWeights implements LoadedWeights {
  private final DeviceWeights weights;
  private final ChosenDevice device;

  /// Who hears how far compiling the first session's kernels is.
  private Progress progress;

  SessionWeights(DeviceWeights weights, ChosenDevice device, Progress progress) {
    this.weights = weights;
    this.device = device;
    this.progress = progress;
  }

  @Override
  public WeightMemory weightMemory() {
    return weights.memory();
  }

  @Override
  public Execution prepare(MoePlan plan) {
    DeviceWeights.requireRoom(plan, device.limits(), 0);
    Progress compiling = progress;
    progress = Progress.NONE;
    return new DeviceExecution(plan, device, weights, compiling);
  }

  @Override
  public void close() {
    // Arrays of TornadoVM go when nothing refers to them.
  }
}
