package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.Profile;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/// A plan that is ready to run for one session: what a backend implements, and [GuardedSession]
/// makes a session of. It is never run by two threads at once, never after it was closed, and only
/// for calls that keep what the plan was promised.
public interface Execution extends AutoCloseable {

  /// Runs a part of a call, and counts what it carried out ([Chunk#count]).
  void run(Chunk chunk);

  /// Whether all calls have to come from the thread of the first.
  default boolean isBoundToThread() {
    return false;
  }

  /// Whether its code is compiled when it is made, so that calls are no faster the more there were.
  default boolean isCompiledAhead() {
    return false;
  }

  /// Runs a part of a call as [#run] does, with times of its tasks where they can be had.
  Optional<Profile> profile(Chunk chunk);

  /// How it makes its launches, where a device has more than one way.
  default Optional<String> launches() {
    return Optional.empty();
  }

  /// Memory for a caller's rows that no call copies, where there is something of the kind; as long
  /// as this is open.
  ///
  /// @param bytes how many
  default Optional<MemorySegment> rowMemory(long bytes) {
    return Optional.empty();
  }

  /// Brings weights up that a call of a layer would else bring up itself, if they go up with calls.
  /// It may be done beside a call, though not of a layer whose weights have the same place.
  ///
  /// @param layerIndex in the plan
  /// @param tokens of the call
  default void bringUp(int layerIndex, int tokens) {}

  /// How many tokens are worth a call of their own where they could be part of a longer one, which
  /// would read the experts' weights once for all of them. 1 where that is not known.
  ///
  /// @param layerIndex in the plan
  default int worthwhileTokens(int layerIndex) {
    return 1;
  }

  /// What says how fast the memory is, where there is something of the kind.
  default Optional<MemoryProbe> memoryProbe() {
    return Optional.empty();
  }

  /// Where its threads ran last, where that is known.
  default Optional<CoreUse> coreUse() {
    return Optional.empty();
  }

  /// Gives back what it holds beside weights. Called once.
  @Override
  void close();
}
