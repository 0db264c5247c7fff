package dev.tornadomoe.backend;

import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/// A plan that is ready to run: weights in memory, workspace allocated. For one thread at a time;
/// [#fork] makes more on the same weights.
public interface Session extends AutoCloseable {

  /// {@return the plan it runs}
  MoePlan plan();

  /// Runs one layer, or all of them where the plan has a whole step in each call
  /// ([dev.tornadomoe.plan.CallSpec#wholeStep]).
  ///
  /// A call ends early when its thread is interrupted, before it or while it runs: on the CPU as
  /// soon as the piece that each thread works on is done (one expert's tile of rows for the tokens
  /// of a chunk: microseconds for few tokens, some 100 ms for thousands), on `reference` after one
  /// row of one expert, on a device after the launch under way (a layer's, or a whole step's, for
  /// one chunk). The interrupt flag stays set, so the next call of that thread ends at once, too.
  /// The output then holds no result: some of its elements are written, others are as they were.
  /// What was added to an output, and hidden states that are the output, can't be had back; who
  /// wants to call again keeps a copy. Where experts are divided among processes, calls are not
  /// interrupted: the others wait for this one's rows.
  ///
  /// @param call the layer, the tokens and the memory; it may be used again afterwards
  /// @throws CallInterruptedException when the thread is interrupted before the call is done
  /// @throws dev.tornadomoe.MoeException when the call does not keep to the plan's
  ///   [dev.tornadomoe.plan.CallSpec]: sizes, overlaps, closed memory, ids out of range
  void run(MoeCall call);

  /// Runs the plan's first layer, or all of them.
  ///
  /// @param hidden hidden states `[tokens, H]`
  /// @param tokens M
  /// @param output where the result `[tokens, H]` goes
  default void run(MemorySegment hidden, int tokens, MemorySegment output) {
    run(new MoeCall().hidden(hidden, tokens).output(output));
  }

  /// Runs calls on made-up rows, so that the caller's first call is as fast as those after it: on
  /// the CPU until its kernels are compiled and get no faster (ten seconds at most), on a device
  /// each launch once. A layer's own routing function and steps get made-up rows too. The caller's
  /// memory, [#copies] and [#tasks] stay as they were. On the thread that will run the session;
  /// where experts are divided among processes, in all of them.
  ///
  /// @throws dev.tornadomoe.MoeException as [#run(MoeCall)] does
  void warmUp();

  /// Another session for another thread: the same plan and weights, its own workspace.
  ///
  /// @return a session that shares the weights, and has to be closed like this one
  default Session fork() {
    return fork(plan());
  }

  /// Another session on the same weights with another plan for the same layers.
  ///
  /// @param other a plan for the same layers, of any options and either precision
  /// @return a session that shares the weights, and has to be closed like this one
  /// @throws dev.tornadomoe.MoeException when the plan is for other layers, or there is no room for
  ///   what a fork takes ([dev.tornadomoe.plan.SessionMemory#ofFork])
  Session fork(MoePlan other);

  /// {@return how many copies into outputs have been carried out, counted as they ran}
  long copies();

  /// {@return how many tasks have been carried out, counted as they ran: a host backend's steps, a
  /// device's kernel launches}
  long tasks();

  /// Runs a call once and says how long each of its tasks took. Other calls are not timed, and pay
  /// nothing for it.
  ///
  /// @param call as for [#run(MoeCall)]
  /// @return microseconds by layer and operation; empty where there is no profiler (a device whose
  ///   launches are not replayed), and then the call may or may not have been run
  /// @throws dev.tornadomoe.MoeException as [#run(MoeCall)] does
  default Optional<Profile> profile(MoeCall call) {
    return Optional.empty();
  }

  /// {@return how the work of the last calls was launched, where there is more than one way}
  default Optional<String> launches() {
    return Optional.empty();
  }

  /// {@return what says how fast the memory is, where the backend has something of the kind}
  default Optional<MemoryProbe> memoryProbe() {
    return Optional.empty();
  }

  /// {@return where the threads of the last call ran, where the backend has threads and the system
  /// says it}
  default Optional<CoreUse> coreUse() {
    return Optional.empty();
  }

  /// Gives back the workspace, and the weights with the last session on them.
  @Override
  void close();
}
