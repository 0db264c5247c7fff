package dev.tornadomoe.backend;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Precision;
import dev.tornadomoe.plan.SessionMemory;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/// Something that runs plans. Found by [Backends] through `ServiceLoader`, or made by hand.
public interface Backend {

  /// {@return what `--backend` calls it}
  String name();

  /// {@return whether it can run here}
  Availability availability();

  /// {@return its devices and what they support, a line each}
  List<String> devices();

  /// Loads the plan's weights and compiles its steps.
  ///
  /// @param plan of layers whose operations this backend has
  /// @param progress hears how far loading is
  /// @return a session for one thread at a time, which holds the loaded weights until it is closed
  /// @throws dev.tornadomoe.MoeException when the plan can't run here: too little memory, weights
  ///   that can't be right, an operation it does not know
  Session prepare(MoePlan plan, Progress progress);

  /// What a session of the plan will take, from the plan alone: what [#prepare] and [Session#fork]
  /// ask whether there is room for. Loads nothing. A sum over several plans has the scratch of the
  /// threads for each of them; sessions of one backend object share it ([#withThreads]).
  ///
  /// @param plan whose buffers and weights are counted
  /// @return bytes on the host and on the device, for a first session and for a fork
  /// @throws dev.tornadomoe.MoeException for a plan that can't run, or a device that is not there
  SessionMemory memory(MoePlan plan);

  /// What of a plan it can't run whatever the machine, a sentence each; empty when it runs it.
  /// Loads nothing: what only weights, memory or a device decide is said by [#prepare].
  ///
  /// @param plan whose operations and formats are looked at
  /// @return sentences for the user, one for each kind of refusal
  default List<String> unsupported(MoePlan plan) {
    return List.of();
  }

  /// {@return the precisions it computes in; the exact one unless a backend says more}
  default Set<Precision> precisions() {
    return Set.of(Precision.EXACT);
  }

  /// Refuses a plan of a precision that this backend does not have, as [#prepare] must: another
  /// precision than the one asked for is another result.
  ///
  /// @param plan whose precision is compared with [#precisions]
  /// @throws BackendException when it has not
  default void requirePrecision(MoePlan plan) {
    if (!precisions().contains(plan.options().precision())) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "the plan is for precision %s, which backend \"%s\" does not have; it computes in"
                  + " precision exact",
              plan.options().precision(),
              name()));
    }
  }

  /// The pieces that suit this backend's device better than those that a planner chooses by itself,
  /// if there are any; for `Planner.Builder.preferredModularMoe`.
  ///
  /// @param layers of the plan
  /// @return pieces for any of these layers, or empty where the catalogue's choice is as good
  default Optional<ModularMoe> modularMoe(List<MoeLayer> layers) {
    return Optional.empty();
  }

  /// A planner for these layers with the [#modularMoe] that suit this backend's device; what
  /// `Planner.builder()` is for any of them. What you choose yourself goes first, and so does a
  /// deferred output.
  ///
  /// @param layers of the plan
  /// @return a builder that prefers these pieces
  default Planner.Builder planner(List<MoeLayer> layers) {
    Planner.Builder planner = Planner.builder();
    modularMoe(layers).ifPresent(planner::preferredModularMoe);
    return planner;
  }

  /// The same backend with so many threads, whatever system properties say. All sessions that one
  /// backend object prepares share its threads, and forks do: an engine with a plan for each layer
  /// keeps the object, and has one team. The threads start with the first session and end with the
  /// last one. A call that finds them busy with another session's call is computed by the thread
  /// that calls. Results don't depend on any of it.
  ///
  /// @param threads that compute a call, the calling one included
  /// @return a backend with its own threads
  /// @throws BackendException for less than 1 or too many, or on a backend whose threads nobody can
  ///   choose: one that computes on a device, or always on the thread that calls
  default Backend withThreads(int threads) {
    throw new BackendException(
        String.format(
            Locale.ROOT, "backend \"%s\" has no threads whose number could be chosen", name()));
  }

  /// {@return how sessions on its device will launch the work of a call, where there is more than
  /// one way}
  default Optional<String> launches() {
    return Optional.empty();
  }

  /// How fast host memory goes up to its device, measured by this call.
  ///
  /// @return bytes a second, or empty where it has no device
  /// @throws BackendException where that can't be measured
  default OptionalDouble uploadBytesPerSecond() {
    return OptionalDouble.empty();
  }

  /// {@return what finds the fastest variants of its kernels for a device, where it has several}
  default Optional<Tuner> tuner() {
    return Optional.empty();
  }

  /// Loads the plan's weights and compiles its steps.
  ///
  /// @param plan of layers whose operations this backend has
  /// @return a session for one thread at a time, which holds the loaded weights until it is closed
  default Session prepare(MoePlan plan) {
    return prepare(plan, Progress.NONE);
  }
}
