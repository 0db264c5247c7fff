package dev.tornadomoe.tornado.tuning;

import java.util.List;
import java.util.Optional;

/// Where a launch's cut comes from, if it is not to be guessed.
@FunctionalInterface
public interface Tunings {
  /// All is guessed.
  Tunings NONE = (key, tokens) -> Optional.empty();

  /// The cut for a launch of so many tokens at most.
  Optional<Tuning> find(TuningKey key, int tokens);

  /// The same for every launch.
  static Tunings always(Tuning tuning) {
    return (key, tokens) -> Optional.of(tuning);
  }

  /// The first of these that fits.
  static Tunings of(List<TuningEntry> entries) {
    return (key, tokens) ->
        entries.stream()
            .filter(entry -> entry.isFor(key, tokens))
            .findFirst()
            .map(TuningEntry::tuning);
  }
}
