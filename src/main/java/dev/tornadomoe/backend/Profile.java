package dev.tornadomoe.backend;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/// What was done for one call, and how long each part took.
///
/// @param tasks each task that ran, in order: a host backend's steps, as its clock measures them; a
///   device's kernel launches, as its driver reports them
/// @param bytesIn that went from the host to the device; 0 on a host backend
/// @param bytesOut that came back; 0 on a host backend
/// @param besideMicros microseconds that a device computed beside these tasks, of which the call
///   takes no more than what a task waits; 0 where there is none
public record Profile(List<Task> tasks, long bytesIn, long bytesOut, double besideMicros) {

  /// One task that ran. A call that is cut into chunks runs a step's task once for each.
  ///
  /// @param layer the layer's index in the plan
  /// @param operation what it did: on a host backend the name of the plan's operation
  ///   ([dev.tornadomoe.modular.Operation#name], as in `gate/up`), on a device the kind of kernel
  /// @param micros microseconds: of a step from its begin to its end on all threads; of a kernel
  ///   without its launch, NaN where the profiler has no times
  /// @param copiesOutput whether all it does is copy into the caller's output
  public record Task(int layer, String operation, double micros, boolean copiesOutput) {}

  /// Copies the list.
  public Profile {
    tasks = List.copyOf(tasks);
  }

  /// What one side alone has done.
  ///
  /// @param tasks each task that ran, in order
  /// @param bytesIn that went from the host to the device
  /// @param bytesOut that came back
  public Profile(List<Task> tasks, long bytesIn, long bytesOut) {
    this(tasks, bytesIn, bytesOut, 0);
  }

  /// What two calls, or two parts of one, did together.
  ///
  /// @param next what came after this
  /// @return the sum of both, with the tasks of this one first
  public Profile and(Profile next) {
    List<Task> both = new ArrayList<>(tasks);
    both.addAll(next.tasks);
    return new Profile(
        both, bytesIn + next.bytesIn, bytesOut + next.bytesOut, besideMicros + next.besideMicros);
  }

  /// {@return time of all tasks together, in microseconds; NaN where the profiler has no times}
  public double micros() {
    return tasks.stream().mapToDouble(Task::micros).sum();
  }

  /// {@return time of each operation in all layers and chunks together, in microseconds, in the
  /// order in which they first ran; NaN where the profiler has no times}
  public SequencedMap<String, Double> microsByOperation() {
    SequencedMap<String, Double> sums = new LinkedHashMap<>();
    tasks.forEach(task -> sums.merge(task.operation(), task.micros(), Double::sum));
    return sums;
  }

  /// {@return how many tasks copied into the caller's output}
  public int outputCopies() {
    return (int) tasks.stream().filter(Task::copiesOutput).count();
  }
}
