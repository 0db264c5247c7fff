package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.plan.Step;
import java.util.ArrayList;
import java.util.List;

/// The times of a profiled call's steps.
final class StepTimes {
  private static final double NANOS_PER_MICRO = 1e3;

  private final List<Profile.Task> tasks = new ArrayList<>();
  private double besideMicros;

  /// A step that has just ended.
  ///
  /// @param start of it, in nanoseconds of the JVM's clock
  /// @param nanosBeside what a device took meanwhile
  void add(Step step, long start, long nanosBeside) {
    double micros = (System.nanoTime() - start) / NANOS_PER_MICRO;
    tasks.add(new Profile.Task(step.layer(), step.operation().name(), micros, step.isOutputCopy()));
    besideMicros += nanosBeside / NANOS_PER_MICRO;
  }

  Profile profile() {
    return new Profile(tasks, 0, 0, besideMicros);
  }
}
