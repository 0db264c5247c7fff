package dev.tornadomoe.backend;

import java.util.ArrayList;
import java.util.List;

/// What a device did for one call.
///
/// @param tasks each task that ran, in order, as its driver reports it
/// @param bytesIn that went from the host to the device
/// @param bytesOut that came back
public record Profile(List<Task> tasks, long bytesIn, long bytesOut) {

  /// One task that ran.
  ///
  /// @param name as the device knows it
  /// @param micros kernel time without launch, in microseconds; NaN where the profiler has no times
  /// @param copiesOutput whether all it does is copy into the caller's output
  public record Task(String name, double micros, boolean copiesOutput) {}

  /// Copies the list.
  public Profile {
    tasks = List.copyOf(tasks);
  }

  /// What two calls, or two parts of one, did together.
  ///
  /// @param next what came after this
  /// @return the sum of both, with the tasks of this one first
  public Profile and(Profile next) {
    List<Task> both = new ArrayList<>(tasks);
    both.addAll(next.tasks);
    return new Profile(both, bytesIn + next.bytesIn, bytesOut + next.bytesOut);
  }

  /// {@return kernel time of all tasks together, in microseconds; NaN where the profiler has no
  /// times}
  public double micros() {
    return tasks.stream().mapToDouble(Task::micros).sum();
  }

  /// {@return how many tasks copied into the caller's output}
  public int outputCopies() {
    return (int) tasks.stream().filter(Task::copiesOutput).count();
  }
}
