package dev.tornadomoe.tornado.replay;

import java.util.List;

/// What the device did in one run.
///
/// @param times of the tasks that ran, in order
/// @param bytesUp that went to the device
/// @param bytesDown that came back
public record ReplayProfile(List<LaunchTime> times, long bytesUp, long bytesDown) {
  /// Copies the list.
  public ReplayProfile {
    times = List.copyOf(times);
  }
}
