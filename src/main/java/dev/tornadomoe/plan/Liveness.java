package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.Operand;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// When each scratch operand of each layer holds a value that somebody needs.
public final class Liveness {

  /// From the step that first writes to the last step that uses, both included. During its first
  /// and last step a buffer is in use, so two that meet in one step can't share memory.
  ///
  /// @param first index of a step
  /// @param last index of a step
  public record Range(int first, int last) {

    boolean meets(Range other) {
      return first <= other.last && other.first <= last;
    }
  }

  private record Key(int layer, Operand operand) {}

  private final Map<Key, Range> ranges = new HashMap<>();

  private Liveness() {}

  /// {@return the liveness over all steps of a bucket}
  ///
  /// @param steps in the order in which they run
  public static Liveness of(List<Step> steps) {
    Liveness liveness = new Liveness();
    for (Step step : steps) {
      for (Access access : step.operation().accesses()) {
        liveness.ranges.merge(
            new Key(step.layer(), access.operand()),
            new Range(step.index(), step.index()),
            (known, now) -> new Range(known.first(), now.last()));
      }
    }
    return liveness;
  }

  /// {@return the range of an operand}
  ///
  /// @param layer the layer's index in the plan
  /// @param operand that a step uses
  /// @throws IllegalArgumentException when no step uses it
  public Range of(int layer, Operand operand) {
    Range range = ranges.get(new Key(layer, operand));
    if (range == null) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "no step of layer %d uses %s", layer, operand));
    }
    return range;
  }

  /// {@return whether a step reads or writes an operand}
  ///
  /// @param layer the layer's index in the plan
  /// @param operand any
  public boolean isUsed(int layer, Operand operand) {
    return ranges.containsKey(new Key(layer, operand));
  }
}
