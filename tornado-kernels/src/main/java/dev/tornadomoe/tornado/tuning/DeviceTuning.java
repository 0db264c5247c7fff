package dev.tornadomoe.tornado.tuning;

import dev.tornadomoe.tornado.device.DeviceLimits;

/// A device's limits, and how kernels are cut on it.
///
/// @param limits what every cut must fit
/// @param tunings the best cuts, as far as they were measured
public record DeviceTuning(DeviceLimits limits, Tunings tunings) {

  public DeviceTuning with(Tunings others) {
    return new DeviceTuning(limits, others);
  }

  /// The measured cut for a launch, or the guess where there is none, or none that can run here.
  ///
  /// @param tokens the most of the launch
  public Tuning tuning(TuningKey key, int tokens) {
    return tunings
        .find(key, tokens)
        .filter(tuning -> tuning.fits(limits, key))
        .orElseGet(() -> Tuning.guess(limits, key, tokens));
  }
}
