package dev.tornadomoe.backend.host;

import dev.tornadomoe.plan.MoePlan;

/// The weights of some layers in a backend's own form. Sessions of the same layers share them; they
/// are closed with the last of these.
public interface LoadedWeights extends AutoCloseable {

  /// Where they lie, or what they were loaded from.
  WeightMemory weightMemory();

  /// Makes a plan for their layers ready to run.
  ///
  /// @throws dev.tornadomoe.MoeException for a plan that can't run
  Execution prepare(MoePlan plan);

  /// Gives them back. Called once, when no session uses them any more.
  @Override
  void close();
}
